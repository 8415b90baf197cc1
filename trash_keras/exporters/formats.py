"""The menu of export formats, and what else there is to choose in an export.

A new format is an entry of `FORMATS`: help, hints, checks and reports take it from there. Nothing
here imports TensorFlow, so that `trash-keras export --help` shows the menu at once.
"""

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trash_keras.exporters.spec import ExportSpec


@dataclasses.dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        file: Name of the file or folder in RUN/export/.
        write: Writes an `ExportSpec` to a path.
        help: A few words about it.
        tried: Versions of runtimes that such files were run with, for card and `export.json`.
        quantized: Whether litert-quantizer makes it of the float32 file.
    """

    file: str
    write: "Callable[[ExportSpec, Path], None]"
    help: str
    tried: str
    quantized: bool = False


# The oldest and the newest that were tried, which gave the same predictions.
_LITERT = "LiteRT 1.1.2, 1.4.0, 2.0.3, 2.3.0; TensorFlow 2.20.0, 2.21.0"
_ANY_LITERT = f"{_LITERT}; tflite-runtime 2.14.0"
# Its int8 weights by channel need operators of TensorFlow 2.17.
_NEWER_LITERT = f"{_LITERT}; refused by tflite-runtime 2.14.0 (needs TensorFlow 2.17 or newer)"


def _writer(module: str, function: str) -> "Callable[[ExportSpec, Path], None]":
    """Returns a function of this package; its module is imported when it writes."""

    def write(spec: "ExportSpec", path: Path) -> None:
        getattr(importlib.import_module(f"trash_keras.exporters.{module}"), function)(spec, path)

    return write


FORMATS = {
    "saved_model": Format(
        "saved_model",
        _writer("saved_model", "write"),
        "TensorFlow Serving; decodes files, too",
        "TensorFlow 2.20.0, 2.21.0",
    ),
    "float32": Format(
        "model_float32.tflite",
        _writer("tflite", "write_float32"),
        "TFLite, not quantized",
        _ANY_LITERT,
    ),
    "float16": Format(
        "model_float16.tflite",
        _writer("tflite", "write_float16"),
        "TFLite, half the size",
        _ANY_LITERT,
    ),
    "dynamic": Format(
        "model_dynamic.tflite",
        _writer("tflite", "write_dynamic"),
        "TFLite, a quarter of the size: weights in int8, by post-training quantization",
        _NEWER_LITERT,
        quantized=True,
    ),
    "int8": Format(
        "model_int8.tflite",
        _writer("tflite", "write_int8"),
        "TFLite for phones, a quarter of the size: full post-training quantization, bytes in and "
        "out",
        _ANY_LITERT,
        quantized=True,
    ),
    "onnx": Format(
        "model.onnx",
        _writer("onnx", "write"),
        "ONNX Runtime; needs the extra onnx",
        "ONNX Runtime 1.32.0",
    ),
}
DEFAULT_FORMATS = ("saved_model", "float32")


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a run is exported.

    Attributes:
        calibration_images: Training images, each class in its share, that int8 quantization is
            calibrated with; 0: all.
        int8_report: Write how far each layer of the int8 file is from float32, into
            `int8_report.FILE`, whether the file is shipped or not.
        license: Of the model, for the files.
        min_agreement: Least share of test images to which a file gives the class that Keras gives,
            0 to 1. One that reaches less is not shipped; an earlier one of its format goes.
        timing_rounds: Of `benchmark.measure`, for all files that stand in RUN/export/; 0 times
            none.
    """

    calibration_images: int = 128
    int8_report: bool = False
    license: str = ""
    min_agreement: float = 0.98
    timing_rounds: int = 12


def require_known(formats: str | Sequence[str]) -> None:
    """Raises ValueError for what is no format."""
    if unknown := {*([formats] if isinstance(formats, str) else formats)} - set(FORMATS):
        raise ValueError(
            f"Unknown formats: {', '.join(sorted(unknown))}. --formats takes: {', '.join(FORMATS)}."
        )
