import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from trash_keras.evaluation import answering, calibration

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
ANSWERS = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


class Ready(ClassifierMixin, BaseEstimator):
    """A fitted classifier of five classes whose inputs are its answers."""

    classes_ = np.arange(5)

    def fit(self, answers, labels):
        raise AssertionError("is fitted")

    def predict(self, answers):
        return answers.argmax(axis=1)

    def predict_proba(self, answers):
        return answers

    def __sklearn_is_fitted__(self):
        return True


def overconfident(count=3000, classes=5, factor=3.0, seed=0):
    """Pictures whose logits are `factor` times those that their labels were drawn by."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (count, classes))
    cumulative = softmax(logits, axis=1).cumsum(axis=1)
    labels = (generator.random((count, 1)) > cumulative).sum(axis=1).clip(max=classes - 1)
    return labels, softmax(factor * logits, axis=1)


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_the_temperature_is_the_factor_of_the_logits_and_mends_the_calibration(factor):
    labels, probabilities = overconfident(factor=factor)
    found = answering.temperature(labels, probabilities)
    assert found == pytest.approx(factor, rel=0.1)
    others, untouched = overconfident(factor=factor, seed=1)  # pictures it was not fitted on
    calibrated = answering.tempered(untouched, found)
    before = calibration.expected_calibration_error(others, untouched)
    assert calibration.expected_calibration_error(others, calibrated) < 0.2 * before
    assert calibration.brier_score(others, calibrated) < calibration.brier_score(others, untouched)


def test_the_temperature_is_that_of_scikit_learn():
    pytest.importorskip("sklearn", minversion="1.8")
    labels, probabilities = overconfident(500)
    theirs = CalibratedClassifierCV(FrozenEstimator(Ready()), method="temperature")
    theirs.fit(probabilities, labels)
    found = answering.temperature(labels, probabilities)
    expected = theirs.predict_proba(probabilities)
    np.testing.assert_allclose(answering.tempered(probabilities, found), expected, atol=1e-4)


def test_a_temperature_can_be_undone():
    _, probabilities = overconfident(50)
    again = answering.tempered(answering.tempered(probabilities, 2.5), 1 / 2.5)
    np.testing.assert_allclose(again, probabilities, atol=1e-9)
    # A softmax of float32 that has underflowed.
    assert np.isfinite(answering.tempered(np.array([[1, 0]], np.float32), 0.1)).all()


def test_without_a_mistake_nothing_tells_the_temperature():
    sure = np.array([[0.6, 0.4], [0.3, 0.7]])
    assert answering.temperature(np.array([0, 1]), sure) == 1


@pytest.mark.parametrize(
    ("max_error", "threshold"),
    [(0, 0.85), (0.24, 0.85), (0.25, 0.575), (0.39, 0.575), (0.4, 0), (1, 0)],
)
def test_the_threshold_is_the_lowest_that_keeps_the_error(max_error, threshold):
    found = answering.threshold(LABELS, ANSWERS, max_error)
    assert found == pytest.approx(threshold)
    how = {"threshold": found}
    kept = answering.scores(LABELS, ANSWERS, how)["abstention"]
    assert kept["coverage"] == calibration.coverage_at_error(LABELS, ANSWERS, max_error)
    assert kept["error"] <= max_error


def test_no_rounding_moves_a_picture_over_the_threshold():
    labels, probabilities = overconfident(400)
    found = answering.threshold(labels, probabilities, 0.1)
    assert 0 < found < 1
    other = probabilities.astype(np.float32) * np.float32(1 + 2e-7)
    np.testing.assert_array_equal(other.max(axis=1) > found, probabilities.max(axis=1) > found)


def test_where_even_the_surest_are_wrong_everything_is_unsure():
    labels, certain = np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert answering.threshold(labels, certain, 0.02) == 1
    kept = answering.scores(labels, certain, {"threshold": 1.0})["abstention"]
    assert kept == {"threshold": 1, "coverage": 0, "error": None, "error_interval": None}


def test_scores_by_hand():
    how = {"temperature": 2.0, "threshold": 0.7, "set_threshold": 0.4, "tta": 4}
    found = answering.scores(LABELS, ANSWERS, how)
    abstention = found["abstention"]
    assert (abstention["threshold"], abstention["coverage"]) == (0.7, 0.6)
    assert abstention["error"] == pytest.approx(1 / 3)
    # Wilson's interval for 1 of 3.
    assert abstention["error_interval"] == pytest.approx([0.0615, 0.7923], abs=1e-4)
    # Sets {0}, {1}, {0}, {0, 1}, {0, 1}: all but the third hold the truth.
    assert found["conformal"] == pytest.approx(
        {"threshold": 0.4, "coverage": 0.8, "mean_size": 1.4}
    )
    squares = ANSWERS**2 / (ANSWERS**2).sum(axis=1, keepdims=True)
    assert found["ece_uncalibrated"] == pytest.approx(
        calibration.expected_calibration_error(LABELS, squares)
    )
    assert found["brier_uncalibrated"] == pytest.approx(calibration.brier_score(LABELS, squares))


def test_without_a_contract_nothing_is_calibrated_and_all_is_answered():
    found = answering.scores(LABELS, ANSWERS, {})
    assert found["brier_uncalibrated"] == pytest.approx(calibration.brier_score(LABELS, ANSWERS))
    assert found["abstention"]["coverage"] == 1 and "conformal" not in found


@pytest.mark.parametrize(("error", "place"), [(0.5, 3), (0.34, 2), (1 / 6, 1), (0.16, None)])
def test_the_set_threshold_by_hand(error, place):
    """5 pictures: the floor((5 + 1) error)-th smallest probability of a true class."""
    of_truth = sorted(ANSWERS[np.arange(5), LABELS])  # 0.2 0.45 0.6 0.8 0.9
    expected = 0 if place is None else of_truth[place - 1]
    found = answering.set_threshold(LABELS, ANSWERS, error)
    assert found == pytest.approx(expected, rel=1e-4) and found <= expected


@pytest.mark.parametrize("error", [0.05, 0.2])
def test_sets_hold_the_truth_as_often_as_promised(error):
    covered = []
    for seed in range(60):
        labels, probabilities = overconfident(400, seed=seed)
        lowest = answering.set_threshold(labels[:200], probabilities[:200], error)
        how = {"set_threshold": lowest}
        found = answering.scores(labels[200:], probabilities[200:], how)["conformal"]
        covered.append(found["coverage"])
    # Between the promise and 1 / (N + 1) more: Vovk, Gammerman & Shafer, 2005.
    assert np.mean(covered) == pytest.approx(1 - error, abs=0.01)


@pytest.mark.parametrize("error", [0.05, 0.1, 0.3])
def test_sets_are_those_of_mapie(error):
    mapie = pytest.importorskip("mapie.classification", reason="needs mapie: extra dev")
    labels, probabilities = overconfident(700)
    theirs = mapie.SplitConformalClassifier(
        Ready(), confidence_level=1 - error, conformity_score="lac", prefit=True
    )
    theirs.conformalize(probabilities[:300], labels[:300])
    _, sets = theirs.predict_set(probabilities[300:])
    lowest = answering.set_threshold(labels[:300], probabilities[:300], error)
    np.testing.assert_array_equal(probabilities[300:] >= lowest, sets[:, :, 0])


def test_all_three_are_fitted_in_their_order():
    labels, probabilities = overconfident(500)
    found = answering.fit(labels, probabilities, 0.1, 0.2)
    calibrated = answering.tempered(probabilities, found["temperature"])
    assert found["threshold"] == answering.threshold(labels, calibrated, 0.1)
    assert found["set_threshold"] == answering.set_threshold(labels, calibrated, 0.2)
    assert answering.fit(labels, probabilities, 0.1)["set_threshold"] is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        answering.threshold(LABELS, ANSWERS, 2)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        answering.set_threshold(LABELS, ANSWERS, 1)
    with pytest.raises(ValueError, match="at least one picture"):
        answering.fit(np.zeros(0, int), np.zeros((0, 2)), 0.02)
