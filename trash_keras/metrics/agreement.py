"""Parity: how often and how far two models' predictions for the same images differ.

Each exported file (quantized or not) is compared so with the Keras model that it was made from.
"""

from typing import Any

import numpy as np

from trash_keras.metadata import UNSURE, is_unsure
from trash_keras.metrics import calibration
from trash_keras.metrics.predictions import Predictions

WORST_KEPT = 12
# Of a probability. Images that differ less and get the same prediction are not worth a look.
VISIBLE = 0.01


def compare(
    expected: Predictions,
    predicted: Predictions,
    threshold: float,
    other_threshold: float | None = None,
) -> dict[str, Any]:
    """Compares the predictions of a model with those of the model it was made from.

    Args:
        expected: Predictions of the original.
        predicted: Those of the other model, for the same images in the same order.
        threshold: As in `ModelMetadata`: a prediction is `unsure` up to this probability.
        other_threshold: That of the other model; None for the same.

    Returns:
        `agreement`, the share of images with the same most probable class; `answer_agreement`,
        the share with the same label, where `unsure` is one; `max_difference` and
        `mean_difference` of a probability; and the `worst` images. Each of those has `file`,
        `truth`, `difference` (the largest of a probability), and `expected` and `answered` with
        `label` (a class or `unsure`), `class` and `probability`. Other classes come first, then
        other labels, then the largest differences; images that don't differ visibly are left out.

    Raises:
        ValueError: Images or classes are not the same, or values are no probabilities.
    """
    _require_comparable(expected, predicted)
    if other_threshold is None:
        other_threshold = threshold
    differences = np.abs(predicted.probabilities - expected.probabilities)
    other_class = classes(expected) != classes(predicted)
    other_label = other_class | (
        is_sure(expected, threshold) != is_sure(predicted, other_threshold)
    )
    largest = differences.max(axis=1)
    order = np.lexsort((-largest, ~other_label, ~other_class))
    shown = [row for row in order if other_label[row] or largest[row] >= VISIBLE]
    return {
        "agreement": float(1 - other_class.mean()),
        "answer_agreement": float(1 - other_label.mean()),
        "max_difference": float(largest.max()),
        "mean_difference": float(differences.mean()),
        "worst": [
            {
                "file": expected.paths[row],
                "truth": expected.class_names[expected.labels[row]],
                "difference": float(largest[row]),
                "expected": _describe(expected, row, threshold),
                "answered": _describe(predicted, row, other_threshold),
            }
            for row in shown[:WORST_KEPT]
        ],
    }


def _require_comparable(expected: Predictions, predicted: Predictions) -> None:
    if list(expected.paths) != list(predicted.paths):
        raise ValueError("Predictions for other images, or in another order, cannot be compared.")
    if list(expected.class_names) != list(predicted.class_names):
        raise ValueError(
            f"The class names differ: {', '.join(expected.class_names)} were expected. "
            f"Received: {', '.join(predicted.class_names)}"
        )
    for predictions in (expected, predicted):
        # Refuses NaN, for one.
        calibration.confidence_and_correct(predictions.labels, predictions.probabilities)


def classes(predictions: Predictions) -> np.ndarray:
    """Returns the most probable class of each image, int [N]."""
    return predictions.probabilities.argmax(axis=1)


def is_sure(predictions: Predictions, threshold: float) -> np.ndarray:
    """Returns whether each image gets the name of a class and not `unsure`, bool [N]."""
    return ~is_unsure(predictions.probabilities.max(axis=1), threshold)


def _describe(predictions: Predictions, row: int, threshold: float) -> dict[str, Any]:
    name = predictions.class_names[classes(predictions)[row]]
    sure = is_sure(predictions, threshold)[row]
    return {
        "label": name if sure else UNSURE,
        "class": name,
        "probability": float(predictions.probabilities[row].max()),
    }
