"""Calibration in its order: temperature, then the threshold of abstention, then conformal sets."""

import numpy as np

from trash_keras.calibration.conformal import conformal_threshold
from trash_keras.calibration.temperature import fit_temperature
from trash_keras.calibration.threshold import selective_threshold
from trash_keras.metrics.calibration import apply_temperature


def fit_calibration(
    labels: np.ndarray, probabilities: np.ndarray, target_risk: float, alpha: float = 0.0
) -> dict[str, float | None]:
    """Fits the temperature, and threshold and conformal sets at that temperature.

    Args:
        labels: int [N], true classes of validation images.
        probabilities: float [N, classes], at temperature 1.
        target_risk: As for `selective_threshold`.
        alpha: As for `conformal_threshold`; 0 for no sets.

    Returns:
        `temperature`, `threshold` and `set_threshold`, as in `ModelMetadata`.

    Raises:
        ValueError: Shapes or values do not fit, or a target is no share.
    """
    temperature = fit_temperature(labels, probabilities)
    calibrated = apply_temperature(probabilities, temperature)
    return {
        "temperature": temperature,
        "threshold": selective_threshold(labels, calibrated, target_risk),
        "set_threshold": conformal_threshold(labels, calibrated, alpha) if alpha else None,
    }
