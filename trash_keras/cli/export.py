"""Exports a run for servers and phones: SavedModel, TFLite, ONNX.

    trash-keras export --workdir=RUN --formats=saved_model,float32,float16,dynamic,int8

Writes RUN/export/: saved_model/, model_FORMAT.tflite, model.onnx, labels.txt, export.json,
parity.html. Each file classifies the whole test split in its own runtime. One whose class differs
from that of Keras too often (--min_agreement) is not shipped, and the exit status is 1.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.exporters.formats import DEFAULT_FORMATS, FORMATS, ExportOptions

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
CHOSEN = flags.DEFINE_list(
    "formats",
    ",".join(DEFAULT_FORMATS),
    f"Formats to write: {', '.join(f'{name} ({one.help})' for name, one in FORMATS.items())}.",
)
CALIBRATION_IMAGES = flags.DEFINE_integer(
    "calibration_images",
    ExportOptions.calibration_images,
    "Training images that calibrate int8 quantization; 0: all.",
    lower_bound=0,
    upper_bound=10**9,
)
INT8_REPORT = flags.DEFINE_bool(
    "int8_report",
    ExportOptions.int8_report,
    "Write and print how far each layer of the int8 file is from float32: quantization errors.",
)
LICENSE = flags.DEFINE_string(
    "license", ExportOptions.license, "Licence of the model, to be written into its files."
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of the run's images. Default: the one of training."
)
MIN_AGREEMENT = flags.DEFINE_float(
    "min_agreement",
    ExportOptions.min_agreement,
    "Least share of test images with the class that Keras gives, 0..1.",
    0,
    1,
)
TIMING_ROUNDS = flags.DEFINE_integer(
    "timing_rounds",
    ExportOptions.timing_rounds,
    "Rounds of five images to time each file with; 0: none.",
    lower_bound=0,
    upper_bound=100_000,
)
flags.mark_flags_as_required(["workdir"])


def main(paths: Sequence[str]) -> None:
    """Exports, compares with Keras and prints what was written."""
    reject_positional_arguments(paths)

    with launch.quiet_imports():
        from trash_keras.exporters import int8_report
        from trash_keras.exporters.exporter import export
        from trash_keras.reporting import parity_page
        from trash_keras.tracking.exports import log_exports

    exported = export(
        WORKDIR.value,
        CHOSEN.value,
        DATA_DIR.value,
        calibration_images=CALIBRATION_IMAGES.value,
        int8_report=INT8_REPORT.value,
        license=LICENSE.value,
        min_agreement=MIN_AGREEMENT.value,
        timing_rounds=TIMING_ROUNDS.value,
    )
    for name in CHOSEN.value:
        if name in exported["kinds"]:
            print(parity_page.summary(name, exported["kinds"][name]))
    if INT8_REPORT.value and "int8" in CHOSEN.value:
        table = Path(WORKDIR.value) / "export" / int8_report.FILE
        print(f"Layers furthest from float32 in int8, all in {table}:")
        print(int8_report.summary(table))
    log_exports(WORKDIR.value, exported)
    page = f"{WORKDIR.value}/export/parity.html"
    if exported["refused"]:
        raise ValueError(f"{parity_page.refusal(exported['refused'])} The worst images: {page}")
    print(f"Files: {WORKDIR.value}/export/; how far they predict like Keras: {page}")
