"""Model metadata, kept inside each model file: classes, image size, resize, threshold.

Inference with other class names, or on images resized another way, gives nonsense without an
error. So every artefact carries its metadata: `.keras` and `.tflite` files as an entry of a zip
archive (a `.keras` file is one; a `.tflite` file may have one appended, which is how TFLite
metadata carries label files), a SavedModel in `assets.extra/`, an `.onnx` file in its metadata
properties.
"""

import dataclasses
import json
import math
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from trash_keras.host.packages import install_hint
from trash_keras.storage import text_files
from trash_keras.storage.names import is_plain, printable

if TYPE_CHECKING:
    import numpy as np

ENTRY = "trash_keras.json"
LABELS_ENTRY = "labels.txt"
UNSURE = "unsure"  # the label where the model abstains
VIEWS = (1, 2, 4, 8)  # of test-time augmentation
RESIZES = ("stretch", "crop", "pad")
LARGEST_SIDE = 2048  # pixels of a model's images; a batch of 32 in float32 takes 1.6 GB
LARGEST_TEXT = 16 * 2**20  # bytes of the metadata in a model file
LONGEST_NAME = 1000  # characters of a class name
# Versions of Keras that load `model.keras` and predict the same.
TRIED_KERAS = "Keras 3.6.0, 3.10.0, 3.12.4, 3.15.1; not 3.3.3"
ONNX_PACKAGES = f".onnx files need more packages: {install_hint('onnx')}"


@overload
def is_unsure(confidence: float, threshold: float) -> bool: ...
@overload
def is_unsure(confidence: "np.ndarray", threshold: float) -> "np.ndarray": ...
def is_unsure(confidence: "float | np.ndarray", threshold: float) -> "bool | np.ndarray":
    """Tells where the model abstains (selective classification).

    The one rule of abstention. The graph of `serve_bytes`, JavaScript and Kotlin repeat it, and
    tests hold them to this one.

    Args:
        confidence: Largest probability of a prediction, or of each: float of any shape.
        threshold: `unsure` unless the confidence is above this one. 0: never unsure; 1: always.

    Returns:
        bool, or bool of the same shape.
    """
    import numpy as np  # late, since flags and their help are made without it

    # In float64 for all: in float32 a threshold just below 1 is 1. NaN is unsure.
    unsure = ~(np.asarray(confidence, np.float64) > threshold)
    return unsure if unsure.ndim else bool(unsure)


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """The input and output of a classifier.

    Temperature and views say what every model file has in its graph already, see
    `models.inference`; thresholds are for the code that reads its probabilities.

    Attributes:
        class_names: Class names in the order of the output probabilities.
        image_size: Height and width of the input, pixels; RGB, 0..255.
        resize: How images were made square in training: stretch, crop or pad.
        temperature: What divides the logits before the softmax, above 0.
        threshold: Confidence up to which a prediction is `unsure`, see `is_unsure`.
        set_threshold: Classes of at least this probability are in the predicted set; None: no sets.
        tta: Views of an image whose predictions are averaged (test-time augmentation), one of
            `VIEWS`.
    """

    class_names: tuple[str, ...]
    image_size: int
    resize: str
    temperature: float = 1.0
    threshold: float = 0.0
    set_threshold: float | None = None
    tta: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for values with which nothing can be predicted, or nothing shown."""
        _require_names(self.class_names)
        side = self.image_size
        if type(side) is not int or not 1 <= side <= LARGEST_SIDE:
            _refuse("image_size", f"a whole number of pixels from 1 to {LARGEST_SIDE}", side)
        if self.resize not in RESIZES:
            _refuse("resize", f"one of {', '.join(RESIZES)}", self.resize)
        if not (_is_finite(self.temperature) and self.temperature > 0):
            _refuse("temperature", "a number above 0", self.temperature)
        sets = 0 if self.set_threshold is None else self.set_threshold
        for name, value in (("threshold", self.threshold), ("set_threshold", sets)):
            if not (_is_finite(value) and 0 <= value <= 1):
                _refuse(name, "a number from 0 to 1", value)
        if type(self.tta) is not int or self.tta not in VIEWS:
            _refuse("tta", f"one of {', '.join(map(str, VIEWS))}", self.tta)

    def inference_settings(self) -> dict[str, Any]:
        """Returns how the model predicts, as reports and `export.json` hold it: `answering`."""
        about_images = ("class_names", "image_size", "resize")
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in about_images}

    def labels_text(self) -> str:
        """Returns the content of `labels.txt`: a class name a line, in the order of the output."""
        return "\n".join(self.class_names) + "\n"

    def entries(self) -> dict[str, str]:
        """Returns what a model file carries: name -> text, of the metadata and the class names."""
        text = json.dumps(dataclasses.asdict(self), indent=2)
        return {ENTRY: text, LABELS_ENTRY: self.labels_text()}

    def embed(self, path: str | os.PathLike) -> None:
        """Writes the metadata and the class names into a `.keras`, `.tflite` or SavedModel."""
        entries = self.entries()
        if Path(path).is_dir():
            folder = Path(path) / "assets.extra"
            folder.mkdir(exist_ok=True)
            for name, text in entries.items():
                (folder / name).write_text(text, encoding="utf-8")
            return
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in entries.items():
                archive.writestr(zipfile.ZipInfo(name), text)  # which has no time

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ModelMetadata":
        """Reads the metadata of a model file or SavedModel folder, see `newest_version`.

        Raises:
            ImportError: An `.onnx` file, and the package onnx is not installed.
            ValueError: There is nothing at `path`, it carries no metadata, or with these values
                nothing can be predicted.
        """
        if not Path(path).exists():
            raise ValueError(f"There is no model at {path}.")
        try:
            values = text_files.from_json(_text(path))
            if isinstance(names := values["class_names"], list):
                values["class_names"] = tuple(names)
            fields = {field.name for field in dataclasses.fields(cls)}
            if unknown := values.keys() - fields:
                raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        except (
            OSError, EOFError, KeyError, TypeError, ValueError, RecursionError, NotImplementedError,
            RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
        ) as error:  # fmt: skip
            raise ValueError(
                f"{path} is not a model of this project: expected a .keras, .tflite or .onnx file "
                "or a SavedModel folder written by `trash-keras train` or `trash-keras export`."
            ) from error
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The metadata in {path} is wrong: {error}") from error


def _require_names(names: Any) -> None:
    """Raises ValueError for class names that do not name, or do things to a terminal."""
    if not isinstance(names, tuple) or not names:
        _refuse("class_names", "a list of names", names)
    for name in names:
        if not isinstance(name, str) or not name.strip() or not is_plain(name):
            _refuse("class_names", "visible text without control characters", name)
        if len(name) > LONGEST_NAME:
            _refuse("class_names", f"names of up to {LONGEST_NAME} characters", name)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        _refuse("class_names", "different names", twice)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < math.inf


def _refuse(name: str, rule: str, value: Any) -> None:
    shown = printable(repr(value) if isinstance(value, str) else str(value))
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    raise ValueError(f"{name} must be {rule}. Received: {shown}")


def _text(path: str | os.PathLike) -> str:
    """Returns the metadata in a model file as it stands there."""
    if Path(path).is_dir():
        with (newest_version(path) / "assets.extra" / ENTRY).open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
    elif Path(path).suffix == ".onnx":
        content = _onnx_properties(path)[ENTRY].encode()
    else:
        with zipfile.ZipFile(path) as archive, archive.open(ENTRY) as file:
            content = file.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise ValueError(f"more than {LARGEST_TEXT} bytes of metadata")
    return content.decode()


def _onnx_properties(path: str | os.PathLike) -> dict[str, str]:
    """Returns the metadata properties of an ONNX file, without a session that would build it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(ONNX_PACKAGES) from error

    try:
        model = onnx.load_model(os.fspath(path), load_external_data=False)
    except Exception as error:  # of protobuf
        raise ValueError(str(error)) from error
    return {entry.key: entry.value for entry in model.metadata_props}


def newest_version(folder: str | os.PathLike) -> Path:
    """Finds the SavedModel that TensorFlow Serving would serve.

    Args:
        folder: A SavedModel, or a folder of versions of it: `1`, `2` and so on.

    Returns:
        The version of the highest number; `folder` itself where there are none.
    """
    inside = [path for path in Path(folder).iterdir() if path.name.isdecimal() and path.is_dir()]
    return max(inside, key=lambda path: int(path.name), default=Path(folder))
