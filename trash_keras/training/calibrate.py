"""After training: calibration on validation, written into the model file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from trash_keras.calibration import ood
from trash_keras.calibration.fit import fit_calibration
from trash_keras.calibration.threshold import RiskControl
from trash_keras.config import CalibrationConfig
from trash_keras.data import pipeline
from trash_keras.evaluation.explain import Explainer
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.predictions import Predictions
from trash_keras.models.classifier import LOGITS, load_classifier
from trash_keras.models.grad_cam import NoHeatMapError
from trash_keras.models.inference import build_inference_model, feature_extractor, save
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
    """

    model: keras.Model
    classifier: keras.Model
    metadata: ModelMetadata
    risk: RiskControl

    def predictor(self) -> Predictor:
        """Returns the predictor that `Predictor.load` would make of the file."""
        views = self.metadata.tta
        return Predictor(keras_file.predict_batch(self.model, views), self.metadata)

    def explainer(self) -> Explainer | None:
        """Returns what explains the model by heat maps; None for a model that has none."""
        try:
            return Explainer.of(self.classifier, self.metadata)
        except NoHeatMapError:
            return None


def calibrate(
    model: Path,
    settings: CalibrationConfig,
    images: Mapping[str, tf.data.Dataset],
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
        images: Split -> dataset of `pipeline.load_split`. Everything is fitted on `valid`, and OOD
            scaling on `train` as well.
        labels: int [N], true classes of `valid`, in its order.
        batch_size: Images per step.
        pooled: As for `fit_calibration`.
    """
    written = ModelMetadata.read(model)
    plain = ModelMetadata(written.class_names, written.image_size, written.resize, tta=settings.tta)
    classifier = load_classifier(model)
    extractor = feature_extractor(classifier, settings.tta)
    predictor = Predictor(keras_file.predict_batch(extractor, settings.tta), plain)

    def features(split: str, limit: int, title: str) -> np.ndarray:
        chosen = images[split].take(limit)
        return predictor.predict_batches(
            pipeline.make_eval_dataset(chosen, batch_size), len(chosen), title
        )

    valid = features("valid", len(labels), "Calibrating")
    kernel, bias = classifier.get_layer(LOGITS).get_weights()
    logits, detector = valid @ kernel + bias, None
    if settings.ood_scaling:
        train = features("train", ood.TRAINING_IMAGES, "Fitting OOD detection")
        detector = ood.fit(train, valid)
        logits *= detector.scaling(valid)[:, None]
    found = fit_calibration(labels, softmax(logits, axis=1), settings, pooled)
    metadata = dataclasses.replace(plain, **found.inference_settings())
    inference = build_inference_model(classifier, metadata.temperature, metadata.tta, detector)
    save(inference, metadata, model)
    print(
        f"Temperature {metadata.temperature:.3f}; unsure up to a probability of "
        f"{metadata.threshold:.3f}. {found.risk.statement()}",
        flush=True,
    )
    return Calibrated(inference, classifier, metadata, found.risk)
