import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from trash_keras.metrics import calibration

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PREDICTIONS = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


def predictions(count=2000, classes=6, seed=0):
    """Random predictions whose confidence says something about their being right."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.4), count)
    guess = probabilities.argmax(axis=1)
    right = generator.random(count) < probabilities.max(axis=1) ** 1.5
    other = (guess + generator.integers(1, classes, count)) % classes
    return np.where(right, guess, other), probabilities


def test_reliability_by_hand():
    found = calibration.reliability(LABELS, PREDICTIONS, bins=5)
    assert found.edges == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    # 0.6 and 0.8 are upper edges, which belong to the lower bin.
    assert found.count.tolist() == [0, 0, 2, 2, 1]
    assert found.confidence[2:] == pytest.approx([0.575, 0.8, 0.9])
    assert found.accuracy[2:] == pytest.approx([0.5, 0.5, 1])
    assert np.isnan(found.confidence[:2]).all() and np.isnan(found.accuracy[:2]).all()


def test_expected_calibration_error_by_hand():
    by_hand = (2 * 0.075 + 2 * 0.3 + 1 * 0.1) / 5
    assert calibration.expected_calibration_error(LABELS, PREDICTIONS, bins=5) == pytest.approx(
        by_hand
    )
    sure = np.eye(3)[[0, 1, 2, 0]]
    assert calibration.expected_calibration_error(np.array([0, 1, 2, 0]), sure) == 0
    assert calibration.expected_calibration_error(np.array([0, 1, 0, 1]), sure) == 0.5


def test_reliability_is_that_of_scikit_learn():
    labels, probabilities = predictions()
    found = calibration.reliability(labels, probabilities)
    right = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=15)
    used = found.count > 0
    assert used.sum() > 8
    np.testing.assert_allclose(found.accuracy[used], accuracy)
    np.testing.assert_allclose(found.confidence[used], confidence)


def test_brier_score_by_hand_and_by_scikit_learn():
    by_hand = 2 * (0.1**2 + 0.2**2 + 0.8**2 + 0.4**2 + 0.55**2) / 5
    assert calibration.brier_score(LABELS, PREDICTIONS) == pytest.approx(by_hand)
    labels, probabilities = predictions()
    theirs = brier_score_loss(labels, probabilities, scale_by_half=False, labels=range(6))
    assert calibration.brier_score(labels, probabilities) == pytest.approx(theirs)


def test_risk_coverage_by_hand():
    curve = calibration.risk_coverage(LABELS, PREDICTIONS)
    assert curve.threshold == pytest.approx([0.9, 0.8, 0.6, 0.55])
    assert curve.coverage == pytest.approx([0.2, 0.6, 0.8, 1])
    assert curve.risk == pytest.approx([0, 1 / 3, 1 / 4, 2 / 5])
    # The two of equal confidence pass at the same threshold, and count twice.
    assert calibration.aurc(LABELS, PREDICTIONS) == pytest.approx((0 + 2 / 3 + 1 / 4 + 2 / 5) / 5)


@pytest.mark.parametrize(
    ("target_risk", "coverage"), [(0, 0.2), (0.24, 0.2), (0.25, 0.8), (0.39, 0.8), (0.4, 1), (1, 1)]
)
def test_coverage_is_the_largest_that_keeps_the_risk(target_risk, coverage):
    assert calibration.coverage_at_error(LABELS, PREDICTIONS, target_risk) == pytest.approx(
        coverage
    )


def test_a_risk_of_exactly_the_target_is_allowed():
    labels = np.array([1] * 3 + [0] * 147)
    assert calibration.coverage_at_error(labels, np.tile([0.9, 0.1], (150, 1)), 0.02) == 1


def test_nothing_is_covered_when_the_surest_prediction_is_wrong():
    assert calibration.coverage_at_error(np.array([1, 1]), np.array([[0.9, 0.1]] * 2), 0.02) == 0


def test_the_area_does_not_depend_on_the_order_of_the_images():
    labels, probabilities = predictions(300)
    probabilities = np.round(probabilities, 1)  # many ties
    probabilities[:, 0] += 1 - probabilities.sum(axis=1)
    probabilities = np.clip(probabilities, 0, 1)
    order = np.random.default_rng(1).permutation(300)
    area = calibration.aurc(labels, probabilities)
    assert calibration.aurc(labels[order], probabilities[order]) == pytest.approx(area)
    assert 0 < area < 1


def test_area_without_ties_is_the_mean_of_the_risks():
    labels, probabilities = predictions(500, seed=3)
    order = np.argsort(-probabilities.max(axis=1))
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    mean = (np.cumsum(wrong) / np.arange(1, 501)).mean()
    assert calibration.aurc(labels, probabilities) == pytest.approx(mean)


@pytest.mark.parametrize("measure", [calibration.expected_calibration_error,
                                     calibration.brier_score, calibration.aurc,
                                     calibration.augrc])  # fmt: skip
@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[1.0, 0.0]], r"Received shapes: \(2,\) and \(1, 2\)"),
        ([], np.zeros((0, 2)), "at least one image"),
        ([0], [1.0], r"probabilities \[N, classes\]"),
        ([2], [[1.0, 0.0]], r"between 0 and 1\. Received: 2 to 2"),
        ([-1], [[1.0, 0.0]], "Received: -1 to -1"),
        ([0], [[2.0, -1.0]], "Received: -1.0 to 2.0"),
        ([0], [[np.nan, 0.5]], "Received: nan to nan"),
    ],
)
def test_what_does_not_fit_is_refused(measure, labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        measure(np.array(labels, int), np.array(probabilities))


def test_odd_settings_are_refused():
    with pytest.raises(ValueError, match="at least one bin"):
        calibration.reliability(LABELS, PREDICTIONS, bins=0)
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: 2"):
        calibration.coverage_at_error(LABELS, PREDICTIONS, 2)


def test_a_softmax_that_rounds_above_one_is_taken_as_one():
    probabilities = np.array([[1 + 1e-7, 0]], np.float32)
    assert calibration.expected_calibration_error(np.array([0]), probabilities) == 0


@pytest.mark.parametrize("digits", [1, 8])  # with and without equal confidences
def test_augrc_is_that_of_its_paper_by_auroc_and_accuracy(digits):
    labels, probabilities = predictions()
    rounded = np.round(probabilities, digits)
    confidence, right = calibration.confidence_and_correct(labels, rounded)
    accuracy, area = right.mean(), roc_auc_score(right, confidence)
    expected = (1 - area) * accuracy * (1 - accuracy) + (1 - accuracy) ** 2 / 2
    assert calibration.augrc(labels, rounded) == pytest.approx(expected)


def test_augrc_by_hand_and_at_its_ends():
    # 0 wrong of 5 at coverage 0.2, 1 at 0.6 (two of equal confidence) and 0.8, 2 at 1.
    areas = 0.2 * np.array([0, 2 * 0.5, 1, 1.5]) / 5
    assert calibration.augrc(LABELS, PREDICTIONS) == pytest.approx(areas.sum())
    assert calibration.augrc(np.zeros(5, int), np.tile([1.0, 0], (5, 1))) == 0
    assert calibration.augrc(np.ones(5, int), np.tile([1.0, 0], (5, 1))) == pytest.approx(0.5)
