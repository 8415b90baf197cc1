"""The model files that inference and startup are measured with."""

import os
from pathlib import Path

import numpy as np

from trash_keras import pretrained
from trash_keras.benchmarks.settings import Settings
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import suffix as suffix

FORMATS = ("saved_model", "float32", "onnx")


def models(settings: Settings) -> list[str]:
    """Returns model files: those of the settings, or the packaged model in each format.

    That is its two files, and exports that are written when they are first asked for. ONNX is
    left out where its extra is not installed.
    """
    if settings.models:
        return list(settings.models)
    folder = settings.folder / "models"
    if not folder.exists():
        _export(folder)
    return [
        str(pretrained.trainable()),
        *map(str, sorted(folder.iterdir())),
        str(pretrained.path()),
    ]


def image_size(model: str | os.PathLike) -> int:
    """Returns height and width of the images that a model file takes, pixels."""
    return ModelMetadata.read(model).image_size


def loadable(model: str) -> str:
    """Returns what other runtimes take for a model: of a SavedModel, the folder of its version."""
    if suffix(model):
        return model
    return str(max(Path(model).rglob("saved_model.pb")).parent)


def _export(folder: Path) -> None:
    """Writes the packaged model in the formats of `FORMATS`."""
    from trash_keras.exporters.formats import FORMATS as KNOWN
    from trash_keras.exporters.model_info import ModelInfo
    from trash_keras.exporters.spec import ExportSpec
    from trash_keras.models import inference

    path = pretrained.trainable()
    about = ModelInfo("TrashNet", "The packaged model.", "MIT", {})
    spec = ExportSpec(
        inference.load(path), ModelMetadata.read(path), about, lambda: np.zeros((0,), np.uint8)
    )
    folder.mkdir(parents=True)
    for name in FORMATS:
        try:
            KNOWN[name].write(spec, folder / KNOWN[name].file)
        except ImportError:
            if name != "onnx":
                raise
