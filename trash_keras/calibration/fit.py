"""Calibration in its order: temperature, then the threshold of abstention, then conformal sets."""

import dataclasses
from typing import Any

import numpy as np

from trash_keras.calibration.conformal import conformal_threshold
from trash_keras.calibration.temperature import fit_temperature
from trash_keras.calibration.threshold import RiskControl, control_risk
from trash_keras.config import CalibrationConfig
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.metrics.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What is fitted on validation images.

    Attributes:
        temperature: As in `ModelMetadata`.
        risk: The threshold, and what it guarantees.
        set_threshold: As in `ModelMetadata`.
    """

    temperature: float
    risk: RiskControl
    set_threshold: float | None

    def inference_settings(self) -> dict[str, Any]:
        """Returns the fields of `ModelMetadata` that were fitted."""
        return {
            "temperature": self.temperature,
            "threshold": self.risk.threshold,
            "set_threshold": self.set_threshold,
        }


def fit_calibration(
    labels: np.ndarray,
    probabilities: np.ndarray,
    settings: CalibrationConfig,
    pooled: Predictions | None = None,
) -> Calibration:
    """Fits the temperature, and threshold and conformal sets at that temperature.

    Args:
        labels: int [N], true classes of validation images.
        probabilities: float [N, classes], at temperature 1.
        settings: What to aim at.
        pooled: Predictions of other models of the same recipe, each at its own temperature, from
            `pooled.load`: the threshold is chosen on them. None: on the validation images.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    temperature = fit_temperature(labels, probabilities)
    calibrated = apply_temperature(probabilities, temperature)
    on = (pooled.labels, pooled.probabilities) if pooled else (labels, calibrated)
    risk = control_risk(*on, settings.target_risk, settings.risk_confidence)
    alpha = settings.conformal_alpha
    return Calibration(
        temperature,
        dataclasses.replace(risk, pooled=pooled is not None),
        conformal_threshold(labels, calibrated, alpha) if alpha else None,
    )
