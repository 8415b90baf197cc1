"""Model metadata, kept inside each model file: classes, image size, resize, threshold.

Inference with other class names, or on images resized another way, gives nonsense without an
error. So every artefact carries its metadata: `.keras` and `.tflite` files as an entry of a zip
archive (a `.keras` file is one; a `.tflite` file may have one appended, which is how TFLite
metadata carries label files), a SavedModel in `assets.extra/`, an `.onnx` file in its metadata
properties.
"""

import dataclasses
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from trash_keras.host.packages import install_hint

if TYPE_CHECKING:
    import numpy as np

ENTRY = "trash_keras.json"
LABELS_ENTRY = "labels.txt"
UNSURE = "unsure"  # the label where the model abstains
VIEWS = (1, 2, 4, 8)  # of test-time augmentation
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
                archive.writestr(name, text)

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ModelMetadata":
        """Reads the metadata of a model file or SavedModel folder, see `newest_version`.

        Raises:
            ImportError: An `.onnx` file, and ONNX Runtime is not installed.
            ValueError: There is nothing at `path`, or it carries no metadata.
        """
        if not Path(path).exists():
            raise ValueError(f"There is no model at {path}.")
        try:
            if Path(path).is_dir():
                text = (newest_version(path) / "assets.extra" / ENTRY).read_text(encoding="utf-8")
            elif Path(path).suffix == ".onnx":
                text = _onnx_properties(path)[ENTRY]
            else:
                with zipfile.ZipFile(path) as archive:
                    text = archive.read(ENTRY).decode()
            values = json.loads(text)
            return cls(**{**values, "class_names": tuple(values["class_names"])})
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is not a model of this project: expected a .keras, .tflite or .onnx file "
                "or a SavedModel folder written by `trash-keras train` or `trash-keras export`."
            ) from error


def _onnx_properties(path: str | os.PathLike) -> dict[str, str]:
    """Returns the metadata properties of an ONNX file, which TensorFlow is not needed for."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(ONNX_PACKAGES) from error

    options = onnxruntime.SessionOptions()
    # This session runs nothing, so optimizing its graph would be wasted.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's own exceptions share no base
        raise ValueError(str(error)) from error
    return session.get_modelmeta().custom_metadata_map


def newest_version(folder: str | os.PathLike) -> Path:
    """Finds the SavedModel that TensorFlow Serving would serve.

    Args:
        folder: A SavedModel, or a folder of versions of it: `1`, `2` and so on.

    Returns:
        The version of the highest number; `folder` itself where there are none.
    """
    inside = [path for path in Path(folder).iterdir() if path.name.isdecimal() and path.is_dir()]
    return max(inside, key=lambda path: int(path.name), default=Path(folder))
