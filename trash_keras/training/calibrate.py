"""After training: calibration on validation, written into the model file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from trash_keras.calibration import ood
from trash_keras.calibration.fit import Calibration, fit_calibration
from trash_keras.calibration.threshold import RiskControl
from trash_keras.config import CalibrationConfig
from trash_keras.data import pipeline
from trash_keras.evaluation.explain import Explainer
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.predictions import Predictions
from trash_keras.models.classifier import LOGITS, load_classifier
from trash_keras.models.grad_cam import NoHeatMapError
from trash_keras.models.inference import (
    build_inference_model,
    feature_extractor,
    read_ood_detector,
    save,
)
from trash_keras.predictor import Predictor
from trash_keras.runtimes import keras_file


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """What `model.keras` holds at the end of a run, read once.

    Attributes:
        model: The inference model: float32 [batch, side, side, 3], RGB 0..255 -> float32
            [batch, classes], probabilities.
        classifier: The trained classifier in it.
        metadata: What the file says of itself.
        risk: Its threshold, and what that guarantees.
        features: Of the images that it was fitted to, `train` and `valid`: float32 [N, channels],
            the first images of each split.
    """

    model: keras.Model
    classifier: keras.Model
    metadata: ModelMetadata
    risk: RiskControl
    features: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def predictor(self) -> Predictor:
        """Returns the predictor that `Predictor.load` would make of the file."""
        views = self.metadata.tta
        return Predictor(keras_file.predict_batch(self.model, views), self.metadata)

    def probabilities(self, images: "HeldOut") -> np.ndarray:
        """Returns what the model predicts, by its features alone: float [N, classes].

        The network does not run, so that is equal to rounding.
        """
        logits = images.scaled(read_ood_detector(self.model))
        return softmax(logits / self.metadata.temperature, axis=1)

    def explainer(self) -> Explainer | None:
        """Returns what explains the model by heat maps; None for a model that has none."""
        try:
            return Explainer.of(self.classifier, self.metadata)
        except NoHeatMapError:
            return None


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """Images that no weight was fitted to, as a classifier sees them.

    Attributes:
        labels: int [N].
        logits: float [N, classes].
        features: float32 [N, channels], pooled.
    """

    labels: np.ndarray
    logits: np.ndarray
    features: np.ndarray

    @classmethod
    def of(cls, classifier: keras.Model, features: np.ndarray, labels: np.ndarray) -> Self:
        """Returns images as the head of a classifier sees them."""
        kernel, bias = classifier.get_layer(LOGITS).get_weights()
        return cls(labels, features @ kernel + bias, features)

    def scaled(self, detector: ood.SubspaceDetector | None) -> np.ndarray:
        """Returns the logits as a detector of OOD images scales them, float [N, classes]."""
        if detector is None:
            return self.logits
        return self.logits * detector.scaling(self.features)[:, None]

    def calibration(
        self,
        detector: ood.SubspaceDetector | None,
        settings: CalibrationConfig,
        pooled: Predictions | None = None,
    ) -> Calibration:
        """Fits temperature, threshold and conformal sets; `pooled` as for `fit_calibration`."""
        probabilities = softmax(self.scaled(detector), axis=1)
        return fit_calibration(self.labels, probabilities, settings, pooled)


def calibrate(
    model: Path,
    settings: CalibrationConfig,
    images: Mapping[str, tf.data.Dataset | np.ndarray],
    labels: np.ndarray,
    batch_size: int,
    pooled: Predictions | None = None,
) -> Calibrated:
    """Fits OOD scaling, temperature, threshold and conformal sets, and puts them into the file.

    It starts from the classifier in the file and ignores what an earlier call put around it, so a
    run that was killed at any moment ends with the same file.

    Args:
        model: `.keras` file of `inference.save`; replaced whole or not at all.
        settings: What to aim at.
        images: Split -> dataset of `pipeline.load_split`; or its features, float32 [N, channels],
            where they are known. Everything is fitted on `valid`, and OOD scaling on `train` as
            well.
        labels: int [N], true classes of `valid`, in its order.
        batch_size: Images per step.
        pooled: As for `fit_calibration`.
    """
    written = ModelMetadata.read(model)
    plain = ModelMetadata(written.class_names, written.image_size, written.resize, tta=settings.tta)
    classifier = load_classifier(model)
    # Of training images without OOD scaling, too: the run keeps them for `adapt`.
    limits = {"train": ood.TRAINING_IMAGES, "valid": len(labels)}
    features = {}
    for split, limit in limits.items():
        given = images[split]
        features[split] = (
            np.array(given[:limit])
            if isinstance(given, np.ndarray)
            else extract(classifier, plain, given.take(limit), batch_size, f"Features, {split}")
        )
    valid, detector = features["valid"], None
    if settings.ood_scaling:
        detector = ood.fit(features["train"], valid)
    held_out = HeldOut.of(classifier, valid, labels)
    found = held_out.calibration(detector, settings, pooled)
    calibrated = finish(model, classifier, plain, detector, found)
    return dataclasses.replace(calibrated, features=features)


def extract(
    classifier: keras.Model,
    metadata: ModelMetadata,
    images: tf.data.Dataset,
    batch_size: int,
    title: str,
) -> np.ndarray:
    """Returns the features by which an inference model scales its logits: float32 [N, channels].

    Args:
        classifier: From `classifier.build`, float32.
        metadata: Of the inference model, for its views.
        images: From `pipeline.load_split`, N images.
        batch_size: Images per step.
        title: What the progress bar says.
    """
    extractor = feature_extractor(classifier, metadata.tta)
    predictor = Predictor(keras_file.predict_batch(extractor, metadata.tta), metadata)
    batches = pipeline.make_eval_dataset(images, batch_size)
    return predictor.predict_batches(batches, len(images), title)


def finish(
    model: Path,
    classifier: keras.Model,
    plain: ModelMetadata,
    detector: ood.SubspaceDetector | None,
    found: Calibration,
) -> Calibrated:
    """Writes the inference model as it was calibrated.

    Args:
        model: `.keras` file to write, whole or not at all.
        classifier: From `classifier.build`, float32.
        plain: Metadata of the file, uncalibrated.
        detector: Of OOD images; None leaves their logits as they are.
        found: From `HeldOut.calibration`.
    """
    metadata = dataclasses.replace(plain, **found.inference_settings())
    inference = build_inference_model(classifier, metadata.temperature, metadata.tta, detector)
    save(inference, metadata, model)
    print(
        f"Temperature {metadata.temperature:.3f}; unsure up to a probability of "
        f"{metadata.threshold:.3f}. {found.risk.statement()}",
        flush=True,
    )
    return Calibrated(inference, classifier, metadata, found.risk)
