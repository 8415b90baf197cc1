"""Selective classification (the model abstains where it is unsure) and conformal sets: metrics."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trash_keras.metadata import is_unsure
from trash_keras.metrics import calibration
from trash_keras.metrics.intervals import wilson_interval


def selective_report(
    labels: np.ndarray, probabilities: np.ndarray, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Measures what temperature, threshold and conformal sets do on a split.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], at the model's temperature.
        settings: From `ModelMetadata.inference_settings`; `ModelMetadata` has the defaults of what
            is missing.

    Returns:
        `ece_uncalibrated` and `brier_uncalibrated`, at temperature 1; `abstention` with the
        `threshold`, the `coverage` (share of images that get a prediction), and the `error` among
        them with its Wilson 95% `error_interval`, both None where there are none; and, with sets,
        `conformal` with the `threshold`, the `coverage` (share of sets that hold the true class)
        and their `mean_size`.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    before = calibration.apply_temperature(probabilities, 1 / settings.get("temperature", 1.0))
    confidence, right = calibration.confidence_and_correct(labels, probabilities)
    threshold = settings.get("threshold", 0.0)
    predicted = ~is_unsure(confidence, threshold)
    counts = len(labels), int(predicted.sum()), int((predicted & ~right).sum())
    result: dict[str, Any] = {
        "ece_uncalibrated": calibration.expected_calibration_error(labels, before),
        "brier_uncalibrated": calibration.brier_score(labels, before),
        "abstention": {"threshold": threshold, **abstention(*counts)},
    }
    if (lowest := settings.get("set_threshold")) is not None:
        sets = probabilities >= lowest
        result["conformal"] = {
            "threshold": lowest,
            "coverage": float(sets[np.arange(len(labels)), labels].mean()),
            "mean_size": float(sets.sum(axis=1).mean()),
        }
    return result


def abstention(examples: int, predicted: int, wrong: int) -> dict[str, Any]:
    """Returns `coverage`, `error` and `error_interval`, as `selective_report` has them.

    Args:
        examples: All images, above 0.
        predicted: Those that got a prediction.
        wrong: Those that got a wrong one.
    """
    return {
        "coverage": predicted / examples,
        "error": wrong / predicted if predicted else None,
        "error_interval": wilson_interval(wrong, predicted) if predicted else None,
    }
