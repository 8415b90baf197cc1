import numpy as np
import pytest

from trash_keras.calibration.conformal import conformal_threshold
from trash_keras.calibration.fit import fit_calibration
from trash_keras.calibration.threshold import control_risk
from trash_keras.config import CalibrationConfig
from trash_keras.metrics import calibration
from trash_keras.metrics.predictions import Predictions

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


def test_all_three_are_fitted_in_their_order(overconfident):
    labels, probabilities = overconfident(500)
    settings = CalibrationConfig(target_risk=0.3, risk_confidence=0.8, conformal_alpha=0.2)
    found = fit_calibration(labels, probabilities, settings)
    calibrated = calibration.apply_temperature(probabilities, found.temperature)
    assert found.risk == control_risk(labels, calibrated, 0.3, 0.8) and found.risk.guaranteed
    assert found.set_threshold == conformal_threshold(labels, calibrated, 0.2)
    assert found.inference_settings() == {
        "temperature": found.temperature, "threshold": found.risk.threshold,
        "set_threshold": found.set_threshold,
    }  # fmt: skip
    assert fit_calibration(labels, probabilities, CalibrationConfig()).set_threshold is None


def test_pooled_predictions_choose_the_threshold_and_nothing_else(overconfident):
    labels, probabilities = overconfident(100)
    settings = CalibrationConfig(target_risk=0.3, conformal_alpha=0.2)
    others = Predictions("abcde", range(900), *overconfident(900, factor=1, seed=1))
    own, found = (fit_calibration(labels, probabilities, settings, p) for p in (None, others))
    assert (own.temperature, own.set_threshold) == (found.temperature, found.set_threshold)
    expected = control_risk(others.labels, others.probabilities, 0.3, 0.9)
    assert found.risk.threshold == expected.threshold != own.risk.threshold
    assert found.risk.pooled and not own.risk.pooled


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        control_risk(LABELS, PROBABILITIES, 2, 0)
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        control_risk(LABELS, PROBABILITIES, 0.1, 1)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        conformal_threshold(LABELS, PROBABILITIES, 1)
    with pytest.raises(ValueError, match="at least one image"):
        fit_calibration(np.zeros(0, int), np.zeros((0, 2)), CalibrationConfig())
