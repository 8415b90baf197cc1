import numpy as np
import pytest

from trash_keras.calibration.threshold import selective_threshold
from trash_keras.metrics import calibration
from trash_keras.metrics.selective import selective_report

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


@pytest.mark.parametrize(
    ("target_risk", "threshold"),
    [(0, 0.85), (0.24, 0.85), (0.25, 0.575), (0.39, 0.575), (0.4, 0), (1, 0)],
)
def test_the_threshold_is_the_lowest_that_keeps_the_risk(target_risk, threshold):
    found = selective_threshold(LABELS, PROBABILITIES, target_risk)
    assert found == pytest.approx(threshold)
    settings = {"threshold": found}
    kept = selective_report(LABELS, PROBABILITIES, settings)["abstention"]
    assert kept["coverage"] == calibration.coverage_at_error(LABELS, PROBABILITIES, target_risk)
    assert kept["error"] <= target_risk


def test_no_rounding_moves_an_image_over_the_threshold(overconfident):
    labels, probabilities = overconfident(400)
    found = selective_threshold(labels, probabilities, 0.1)
    assert 0 < found < 1
    other = probabilities.astype(np.float32) * np.float32(1 + 2e-7)
    np.testing.assert_array_equal(other.max(axis=1) > found, probabilities.max(axis=1) > found)


def test_where_even_the_surest_are_wrong_everything_is_unsure():
    labels, certain = np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert selective_threshold(labels, certain, 0.02) == 1
    kept = selective_report(labels, certain, {"threshold": 1.0})["abstention"]
    assert kept == {"threshold": 1, "coverage": 0, "error": None, "error_interval": None}
