"""Saliency maps (Grad-CAM): why a classifier predicts so, and how far to trust the map."""

import dataclasses
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.data import decoding, file_roles, formats
from trash_keras.data.decoding import ReadImages
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import saliency
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import keras_settings
from trash_keras.models.classifier import load_classifier
from trash_keras.models.grad_cam import GradCam, NoHeatMapError
from trash_keras.predictor import Prediction
from trash_keras.reporting.plots import base, saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.storage import remote
from trash_keras.storage.addresses import public_value

BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Explainer:
    """The raw classifier of a `.keras` file, and its Grad-CAM heat maps.

    Attributes:
        metadata: Class names, and the size and resize of its images.
        predict_batch: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes],
            probabilities.
        grad_cam: The same images and int [batch] classes -> float32 [batch, h, w], 0..1.
    """

    metadata: ModelMetadata
    predict_batch: Callable[[np.ndarray], np.ndarray]
    grad_cam: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @classmethod
    @keras_settings.settled()
    def load(cls, path: str | os.PathLike) -> "Explainer":
        """Loads a model file that `Predictor.load` takes.

        Raises:
            NoHeatMapError: It is no `.keras` file, or its backbone ends in no feature map.
            ValueError: There is no model at `path`, or it is broken.
        """
        metadata = ModelMetadata.read(path)
        if Path(path).is_dir() or Path(path).suffix != ".keras":
            raise NoHeatMapError(
                "Heat maps need the gradients of a .keras file; a SavedModel and a .tflite file "
                f"have none. Received: {path}"
            )
        return cls.of(load_classifier(path), metadata)

    @classmethod
    def of(cls, classifier: keras.Model, metadata: ModelMetadata) -> "Explainer":
        """Makes an explainer of a loaded classifier.

        Raises:
            NoHeatMapError: Its backbone ends in no feature map.
        """
        grad_cam = GradCam(classifier)
        return cls(metadata, lambda images: np.asarray(classifier.predict_on_batch(images)),
                   grad_cam)  # fmt: skip

    @keras_settings.settled()
    def heat_maps(
        self, predictions: Mapping[str, str], squares: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Computes the heat maps of some images.

        Args:
            predictions: File -> name of the class to explain.
            squares: The same files -> uint8 [side, side, 3], RGB.

        Returns:
            File -> float32 [h, w], 0..1.
        """
        labels = [self.metadata.class_names.index(name) for name in predictions.values()]
        found: list[np.ndarray] = []
        for start in range(0, len(labels), BATCH_SIZE):
            part = list(predictions)[start : start + BATCH_SIZE]
            images = np.stack([squares[file] for file in part]).astype(np.float32)
            found += list(self.grad_cam(images, np.array(labels[start : start + BATCH_SIZE])))
        return dict(zip(predictions, found, strict=True))


def find(path: str | os.PathLike, required: bool = False) -> Explainer | None:
    """Loads the explainer of a model, or returns None where it has no heat maps.

    Args:
        path: A model file.
        required: Raises instead of returning None.

    Raises:
        NoHeatMapError: It has no heat maps, and they are required.
        ValueError: There is no model at `path`.
    """
    file_roles.require("model", path)
    try:
        return Explainer.load(path)
    except NoHeatMapError:
        if required:
            raise
        return None


def explain_errors(
    explainer: Explainer | None,
    predictions: Predictions,
    read_images: ReadImages,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> HeatMaps | None:
    """Explains the top errors of a report: the evidence for each wrong prediction.

    Args:
        explainer: Of the model that predicted; None, as from `find`, explains nothing.
        predictions: Of a split.
        read_images: Files -> their encoded bytes.
        max_megapixels: Most pixels to decode, millions.
    """
    if not explainer:
        return None
    errors = {row["file"]: row["prediction"] for row in predictions.score()["mistakes"]}
    squares = _squares(explainer.metadata, read_images(list(errors)), max_megapixels)
    return HeatMaps(explainer.metadata.resize, explainer.heat_maps(errors, squares))


@keras_settings.settled()
def saliency_faithfulness(
    explainer: Explainer,
    predictions: Predictions,
    read_images: ReadImages,
    count: int,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> dict[str, Any]:
    """Tests by deletion and insertion how far the heat maps of a model can be trusted.

    Args:
        explainer: Of the model that predicted.
        predictions: Of a split.
        read_images: Files -> their encoded bytes.
        count: Images to test, 2 or more; spread evenly over the split sorted by its classes,
            so that each has its share.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        What `saliency.measure` returns; the explained class is the raw classifier's prediction.

    Raises:
        ValueError: There are fewer than two images.
    """
    by_class = np.argsort(predictions.labels, kind="stable")
    positions = np.linspace(0, len(by_class) - 1, min(count, len(by_class))).round().astype(int)
    chosen = [predictions.paths[index] for index in by_class[positions]]
    squares = _squares(explainer.metadata, read_images(chosen), max_megapixels)
    images = np.stack([squares[file] for file in chosen])
    labels = np.concatenate([
        explainer.predict_batch(batch.astype(np.float32)).argmax(axis=1)
        for batch in np.split(images, range(BATCH_SIZE, len(images), BATCH_SIZE))
    ])  # fmt: skip
    names = [explainer.metadata.class_names[label] for label in labels]
    heat_maps = explainer.heat_maps(dict(zip(chosen, names, strict=True)), squares)
    return saliency.measure(
        explainer.predict_batch, images, np.stack([heat_maps[file] for file in chosen]), labels
    )


def _squares(
    metadata: ModelMetadata, encoded: Mapping[str, bytes], max_megapixels: float
) -> dict[str, np.ndarray]:
    return {
        file: decoding.load(content, metadata.image_size, metadata.resize, max_megapixels)
        for file, content in encoded.items()
    }


def draw(
    explainer: Explainer,
    predictions: Iterable[Prediction],
    folder: str | os.PathLike,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> Iterator[Prediction]:
    """Draws for each prediction its image beside the evidence for the most probable class.

    Images are read a second time, since inference knows nothing of heat maps.

    Args:
        explainer: Of the model that predicted.
        predictions: Consumed a batch at a time.
        folder: Gets a JPEG file for each prediction, named after its image and a digest of the
            whole path, since images of different folders may have the same name.
        max_megapixels: Most pixels to decode, millions.

    Yields:
        The predictions in the same order, each with the file of its `explanation`.
    """
    metadata, rest = explainer.metadata, iter(predictions)
    while batch := list(itertools.islice(rest, BATCH_SIZE)):
        batch, squares, images = _opened(batch, metadata, max_megapixels)
        best = {
            prediction.file: prediction.top_k(1)[0] for prediction in batch if not prediction.error
        }
        found = explainer.heat_maps({file: name for file, (name, _) in best.items()}, squares)
        for prediction in batch:
            if prediction.error:
                yield prediction
                continue
            name, probability = best[prediction.file]
            figure = saliency_maps.explanation(
                images[prediction.file], found[prediction.file], metadata.resize,
                f"{name} {probability:.1%}",
            )  # fmt: skip
            target = Path(folder) / _drawing_name(prediction.file)
            base.save(figure, target)
            yield dataclasses.replace(prediction, explanation=str(target))


def _opened(
    batch: Sequence[Prediction], metadata: ModelMetadata, max_megapixels: float
) -> tuple[list[Prediction], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the predictions, and by file the images of the model and those to draw."""
    predictions, squares, images = [], {}, {}
    for prediction in batch:
        if not prediction.error:
            try:
                image = decoding.decode(_read(prediction.file), max_megapixels)
                squares[prediction.file] = decoding.resize_to_square(
                    image, metadata.image_size, metadata.resize
                )
                # A batch keeps only what is drawn, since whole images may be large.
                images[prediction.file] = saliency_maps.readable(image)
            except (formats.UndecodableError, FileNotFoundError) as error:  # deleted since
                prediction = dataclasses.replace(prediction, probabilities={}, error=str(error))
        predictions.append(prediction)
    return predictions, squares, images


def _read(file: str) -> bytes:
    return remote.read_bytes(file) if remote.is_url(file) else decoding.read_bytes(file)


def _drawing_name(file: str) -> str:
    # File systems take 255 bytes a name; a character has four at most.
    readable = re.sub(r"[^\w.-]+", "_", Path(public_value(file)).stem)[:50]
    digest = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{readable}-{digest}.jpg"
