import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from trash_keras.calibration.temperature import fit_temperature
from trash_keras.metrics import calibration
from trash_keras.metrics.calibration import apply_temperature


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_the_temperature_is_the_factor_of_the_logits_and_improves_the_calibration(
    factor, overconfident
):
    labels, probabilities = overconfident(factor=factor)
    found = fit_temperature(labels, probabilities)
    assert found == pytest.approx(factor, rel=0.1)
    labels, untouched = overconfident(factor=factor, seed=1)  # images it was not fitted on
    calibrated = apply_temperature(untouched, found)
    before = calibration.expected_calibration_error(labels, untouched)
    assert calibration.expected_calibration_error(labels, calibrated) < 0.2 * before
    assert calibration.brier_score(labels, calibrated) < calibration.brier_score(labels, untouched)


def test_the_temperature_is_that_of_scikit_learn(overconfident, ready):
    pytest.importorskip("sklearn", minversion="1.8")
    labels, probabilities = overconfident(500)
    theirs = CalibratedClassifierCV(FrozenEstimator(ready), method="temperature")
    theirs.fit(probabilities, labels)
    found = fit_temperature(labels, probabilities)
    expected = theirs.predict_proba(probabilities)
    np.testing.assert_allclose(apply_temperature(probabilities, found), expected, atol=1e-4)


def test_a_temperature_can_be_undone(overconfident):
    _, probabilities = overconfident(50)
    again = apply_temperature(apply_temperature(probabilities, 2.5), 1 / 2.5)
    np.testing.assert_allclose(again, probabilities, atol=1e-9)
    # A softmax of float32 that has underflowed.
    assert np.isfinite(apply_temperature(np.array([[1, 0]], np.float32), 0.1)).all()


def test_without_an_error_the_temperature_stays_one():
    sure = np.array([[0.6, 0.4], [0.3, 0.7]])
    assert fit_temperature(np.array([0, 1]), sure) == 1
