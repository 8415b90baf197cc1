"""Parity: whether an exported file predicts like its Keras model on the whole test split.

The file is loaded and run as `trash-keras evaluate` does it, so the figures are those of an
evaluation.
"""

import dataclasses
import importlib.metadata
import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trash_keras import config
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import open_reader
from trash_keras.evaluation import score
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import agreement
from trash_keras.metrics.predictions import Predictions
from trash_keras.predictor import Predictor, suffix


class DisagreementError(ValueError):
    """A file predicts too many images differently from Keras.

    Attributes:
        figures: Of `Reference.figures`, and `min_agreement`.
    """

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures
        super().__init__(
            f"agrees with Keras on {figures['agreement']:.1%} of the images, less than "
            f"--min_agreement={figures['min_agreement']}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The test split of a run, and what its Keras model predicts for it.

    Attributes:
        split: Its images, as the model wants them.
        images: From `pipeline.load_split`; decoded once where they fit into the memory that the
            run may take for images (`--cache_megabytes`).
        predictions: Of the Keras model.
        metadata: Of the run.
    """

    split: Split
    images: tf.data.Dataset
    predictions: Predictions
    metadata: ModelMetadata

    @classmethod
    def of_run(
        cls, workdir: str | os.PathLike, data_dir: str | os.PathLike | None = None
    ) -> "Reference":
        """Runs the Keras model of a run over its test split.

        Args:
            workdir: Folder of the run.
            data_dir: Where the images lie; None: where they lay in training.

        Raises:
            ValueError: No trained model in `workdir`, or its images are gone.
        """
        workdir = Path(workdir)
        predictor = Predictor.load(workdir / "model.keras")
        catalog = Catalog.load(workdir / "catalog.json")
        name = catalog.judged_by()
        catalog = catalog.only(name)
        settings = config.load(workdir / "config.json").data
        data_dir = data_dir or settings.data_dir
        reader = open_reader(data_dir, settings.data_format)
        catalog.require(reader.files_by_class(), data_dir)
        metadata = predictor.metadata
        split = Split(catalog, name, reader, max_megapixels=settings.max_megapixels)
        split = split.for_model(metadata)
        images = pipeline.load_split(split, cache=False)
        if len(images) * 3 * metadata.image_size**2 <= settings.cache_megabytes * 1e6:
            images = images.cache()
        predictions = score.predict_split(
            predictor, split, images=images, title="Predicting with Keras"
        )
        return cls(split, images, predictions, metadata)

    def figures(
        self, path: str | os.PathLike, min_agreement: float, quantized: bool = False
    ) -> dict[str, Any]:
        """Runs an exported file over the same images, in its own runtime.

        Args:
            path: File or folder that `Predictor.load` takes.
            min_agreement: Least share of images with the class that Keras says, 0 to 1.
            quantized: As in `formats.Format`.

        Returns:
            What `agreement.compare` returns and the `tool`; and where the images are a test split,
            `accuracy`, `accuracy_interval` and `ece` (see `Predictions.score`).

        Raises:
            DisagreementError: Too many predictions differ.
            ValueError: The file cannot be loaded, or what it returns are no probabilities.
        """
        predictor = Predictor.load(path)
        title = f"Predicting with {Path(path).name}"
        predictions = score.predict_split(predictor, self.split, images=self.images, title=title)
        given = predictor.metadata
        figures = {
            **self._scores(predictions, given),
            **agreement.compare(
                self.predictions, predictions, self.metadata.threshold, given.threshold
            ),
            "tool": tool(path, quantized),
        }
        if figures["agreement"] < min_agreement:
            raise DisagreementError({**figures, "min_agreement": min_agreement})
        return figures

    def _scores(self, predictions: Predictions, given: ModelMetadata) -> dict[str, Any]:
        if self.split.name != "test":  # the model was fitted to these images
            return {}
        scores = predictions.score(given.inference_settings())
        return {name: scores[name] for name in ("accuracy", "accuracy_interval", "ece")}


def tool(path: str | os.PathLike, quantized: bool = False) -> dict[str, str]:
    """Returns which tools and versions `made` an export, and which runtime predicted: `answered`.

    Args:
        path: File or folder that `Predictor.load` takes.
        quantized: As in `formats.Format`.
    """
    made, runtime = {
        "": ("keras.export.ExportArchive", "tensorflow"),
        ".tflite": ("TFLiteConverter", "ai-edge-litert"),
        ".onnx": ("tf2onnx", "onnxruntime"),
    }[suffix(path)]
    version = importlib.metadata.version
    if made == "tf2onnx":  # not a part of Keras or TensorFlow, as the others are
        made += f" {version(made)}"
    if quantized:
        made += f", litert-quantizer {version('litert-quantizer')}"
    return {
        "made": f"{made}, keras {keras.__version__}, tensorflow {tf.__version__}",
        "answered": f"{runtime} {version(runtime)}",
    }
