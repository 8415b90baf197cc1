"""Exports a trained run to what servers and phones read.

    python -m experiments.export --workdir=RUN --kinds=saved_model,float32

Writes RUN/export/: saved_model/, model_float32.tflite, labels.txt, export.json.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
KINDS = flags.DEFINE_list("kinds", "saved_model,float32", "What to write: saved_model, float32.")
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

    exported = export(WORKDIR.value, KINDS.value, DATA_DIR.value)
    for kind, facts in exported["kinds"].items():
        print(
            f"{kind}: {WORKDIR.value}/export/{facts['path']}, {facts['bytes'] / 1e6:.1f} MB, "
            f"largest difference from Keras {facts['max_difference']:.1e}"
        )
    log_exports(WORKDIR.value, exported)


if __name__ == "__main__":
    script.run(main)
