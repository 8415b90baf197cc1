"""Exports a trained run to what servers and phones read.

    python -m experiments.export --workdir=RUN --kinds=saved_model,float32,float16,dynamic,int8

Writes RUN/export/: saved_model/, model_KIND.tflite, labels.txt, export.json.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
KINDS = flags.DEFINE_list(
    "kinds",
    "saved_model,float32,int8",
    "What to write: saved_model, and as .tflite float32, float16 (half the size), dynamic (a "
    "quarter) or int8 (a quarter, with bytes in and out, for phones).",
)
CALIBRATION_IMAGES = flags.DEFINE_integer(
    "calibration_images", 128, "Training pictures that int8 is made with; 0: all.", lower_bound=0
)
LICENSE = flags.DEFINE_string("license", "", "Licence of the model, to be written into its files.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the run's pictures lie now; default: where it was trained on them."
)
flags.mark_flags_as_required(["workdir"])


def main(paths: Sequence[str]) -> None:
    """Exports, compares with Keras and prints what was written."""
    script.refuse(paths)

    with script.quiet_imports():
        from trash_keras.export.folder import export
        from trash_keras.tracking.exports import log_exports

    exported = export(
        WORKDIR.value,
        KINDS.value,
        DATA_DIR.value,
        calibration_images=CALIBRATION_IMAGES.value,
        license_name=LICENSE.value,
    )
    for kind, facts in exported["kinds"].items():
        print(
            f"{kind}: {WORKDIR.value}/export/{facts['path']}, {facts['bytes'] / 1e6:.1f} MB, "
            f"largest difference from Keras {facts['max_difference']:.1e}"
        )
    log_exports(WORKDIR.value, exported)


if __name__ == "__main__":
    script.run(main)
