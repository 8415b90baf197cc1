import numpy as np
import pytest

from trash_keras.metrics import calibration
from trash_keras.metrics.selective import selective_report

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


def test_scores_by_hand():
    settings = {"temperature": 2.0, "threshold": 0.7, "set_threshold": 0.4, "tta": 4}
    found = selective_report(LABELS, PROBABILITIES, settings)
    abstention = found["abstention"]
    assert (abstention["threshold"], abstention["coverage"]) == (0.7, 0.6)
    assert abstention["error"] == pytest.approx(1 / 3)
    # Wilson's interval for 1 of 3.
    assert abstention["error_interval"] == pytest.approx([0.0615, 0.7923], abs=1e-4)
    # Sets {0}, {1}, {0}, {0, 1}, {0, 1}: all but the third hold the truth.
    assert found["conformal"] == pytest.approx(
        {"threshold": 0.4, "coverage": 0.8, "mean_size": 1.4}
    )
    squares = PROBABILITIES**2 / (PROBABILITIES**2).sum(axis=1, keepdims=True)
    assert found["ece_uncalibrated"] == pytest.approx(
        calibration.expected_calibration_error(LABELS, squares)
    )
    assert found["brier_uncalibrated"] == pytest.approx(calibration.brier_score(LABELS, squares))


def test_without_settings_nothing_is_calibrated_and_nothing_is_unsure():
    found = selective_report(LABELS, PROBABILITIES, {})
    brier = calibration.brier_score(LABELS, PROBABILITIES)
    assert found["brier_uncalibrated"] == pytest.approx(brier)
    assert found["abstention"]["coverage"] == 1 and "conformal" not in found
