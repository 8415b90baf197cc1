"""Why a classifier answers so: heat maps of pictures, of mistakes, and how far to trust them."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.contract import Contract
from trash_keras.data import decoding
from trash_keras.data.decoding import ReadImages
from trash_keras.evaluation.heat_maps import HeatMaps
from trash_keras.evaluation.predictions import Predictions
from trash_keras.metrics import saliency
from trash_keras.modeling.classifier import load_classifier
from trash_keras.modeling.grad_cam import GradCam, NoHeatMapError

BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Explainer:
    """The raw classifier of a `.keras` file, and where its evidence lies.

    Attributes:
        contract: Class names, and the size and resize of its pictures.
        classify: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes],
            probabilities.
        grad_cam: The same pictures and int [batch] classes -> float32 [batch, h, w], 0..1.
    """

    contract: Contract
    classify: Callable[[np.ndarray], np.ndarray]
    grad_cam: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Explainer":
        """Loads a model file that `Predictor.load` takes, too.

        Raises:
            NoHeatMapError: It is no `.keras` file, or its backbone ends in no map of places.
            ValueError: There is no model at `path`, or it is broken.
        """
        contract = Contract.read(path)
        if Path(path).is_dir() or Path(path).suffix != ".keras":
            raise NoHeatMapError(
                "Heat maps need the gradients of a .keras file; a SavedModel and a .tflite file "
                f"have none. Received: {path}"
            )
        return cls.of(load_classifier(path), contract)

    @classmethod
    def of(cls, classifier: keras.Model, contract: Contract) -> "Explainer":
        """Makes one of a classifier that was loaded already.

        Raises:
            NoHeatMapError: Its backbone ends in no map of places.
        """
        grad_cam = GradCam(classifier)
        return cls(contract, lambda images: np.asarray(classifier.predict_on_batch(images)),
                   grad_cam)  # fmt: skip

    def heat_maps(
        self, answers: Mapping[str, str], squares: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Explains the answers for some pictures.

        Args:
            answers: File -> name of the class to explain.
            squares: The same files -> uint8 [side, side, 3], RGB.

        Returns:
            File -> float32 [h, w], 0..1.
        """
        labels = [self.contract.class_names.index(name) for name in answers.values()]
        found: list[np.ndarray] = []
        for start in range(0, len(labels), BATCH_SIZE):
            part = list(answers)[start : start + BATCH_SIZE]
            images = np.stack([squares[file] for file in part]).astype(np.float32)
            found += list(self.grad_cam(images, np.array(labels[start : start + BATCH_SIZE])))
        return dict(zip(answers, found, strict=True))


def find(path: str | os.PathLike, required: bool = False) -> Explainer | None:
    """Loads the explainer of a model, or returns None when it has no heat maps.

    Args:
        path: A model file.
        required: Raise then instead.

    Raises:
        NoHeatMapError: It has no heat maps, and they are required.
        ValueError: There is no model at `path`.
    """
    try:
        return Explainer.load(path)
    except NoHeatMapError:
        if required:
            raise
        return None


def of_mistakes(
    explainer: Explainer | None,
    answers: Predictions,
    read_pictures: ReadImages,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> HeatMaps | None:
    """Explains the mistakes that a report shows, each as evidence for the wrong answer.

    Args:
        explainer: Of the model that answered; None, as from `find`, explains nothing.
        answers: Of a split.
        read_pictures: Files -> their encoded bytes.
        max_megapixels: Most pixels to decode, millions.
    """
    if not explainer:
        return None
    wrong = {row["file"]: row["prediction"] for row in answers.score()["mistakes"]}
    squares = _squares(explainer.contract, read_pictures(list(wrong)), max_megapixels)
    return HeatMaps(explainer.contract.resize, explainer.heat_maps(wrong, squares))


def check(
    explainer: Explainer,
    answers: Predictions,
    read_pictures: ReadImages,
    count: int,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> dict[str, Any]:
    """Tests by deletion and insertion how far the heat maps of a model can be trusted.

    Args:
        explainer: Of the model that answered.
        answers: Of a split.
        read_pictures: Files -> their encoded bytes.
        count: Pictures to test, 2 or more; spread evenly over the split sorted by its classes,
            so that each has its share.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        See `saliency.measure`; the explained class is the raw classifier's answer.

    Raises:
        ValueError: There are less than two pictures.
    """
    by_class = np.argsort(answers.labels, kind="stable")
    places = np.linspace(0, len(by_class) - 1, min(count, len(by_class))).round().astype(int)
    chosen = [answers.paths[index] for index in by_class[places]]
    squares = _squares(explainer.contract, read_pictures(chosen), max_megapixels)
    images = np.stack([squares[file] for file in chosen])
    labels = np.concatenate([
        explainer.classify(images[start : start + BATCH_SIZE].astype(np.float32)).argmax(axis=1)
        for start in range(0, len(images), BATCH_SIZE)
    ])  # fmt: skip
    names = [explainer.contract.class_names[label] for label in labels]
    heat_maps = explainer.heat_maps(dict(zip(chosen, names, strict=True)), squares)
    return saliency.measure(
        explainer.classify, images, np.stack([heat_maps[file] for file in chosen]), labels
    )


def _squares(
    contract: Contract, encoded: Mapping[str, bytes], max_megapixels: float
) -> dict[str, np.ndarray]:
    return {
        file: decoding.load(content, contract.image_size, contract.resize, max_megapixels)
        for file, content in encoded.items()
    }
