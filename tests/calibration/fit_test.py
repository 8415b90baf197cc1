import numpy as np
import pytest

from trash_keras.calibration.conformal import conformal_threshold
from trash_keras.calibration.fit import fit_calibration
from trash_keras.calibration.threshold import selective_threshold
from trash_keras.metrics import calibration

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


def test_all_three_are_fitted_in_their_order(overconfident):
    labels, probabilities = overconfident(500)
    found = fit_calibration(labels, probabilities, 0.1, 0.2)
    calibrated = calibration.apply_temperature(probabilities, found["temperature"])
    assert found["threshold"] == selective_threshold(labels, calibrated, 0.1)
    assert found["set_threshold"] == conformal_threshold(labels, calibrated, 0.2)
    assert fit_calibration(labels, probabilities, 0.1)["set_threshold"] is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        selective_threshold(LABELS, PROBABILITIES, 2)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        conformal_threshold(LABELS, PROBABILITIES, 1)
    with pytest.raises(ValueError, match="at least one image"):
        fit_calibration(np.zeros(0, int), np.zeros((0, 2)), 0.02)
