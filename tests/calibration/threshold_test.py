import json

import numpy as np
import pytest
from scipy import stats

from trash_keras.calibration.fit import fit_calibration
from trash_keras.calibration.threshold import _first_test, control_risk, images_needed
from trash_keras.config import CalibrationConfig
from trash_keras.metrics import calibration
from trash_keras.metrics.selective import selective_report

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
DRAWS = 200


def sure_of(wrong, count):
    """Images of falling confidence, all of class 0; those at the places of `wrong` are of 1."""
    confidence = np.linspace(0.99, 0.51, count)
    labels = np.zeros(count, int)
    labels[list(wrong)] = 1
    return labels, np.stack([confidence, 1 - confidence], axis=1)


def first_test(images, target_risk, confidence):
    return _first_test(images, images_needed(target_risk, confidence), target_risk, confidence)


@pytest.mark.parametrize(
    ("target_risk", "threshold"),
    [(0, 0.85), (0.24, 0.85), (0.25, 0.575), (0.39, 0.575), (0.4, 0.525), (1, 0)],
)
def test_a_point_estimate_is_the_lowest_that_keeps_the_risk(target_risk, threshold):
    found = control_risk(LABELS, PROBABILITIES, target_risk, 0)
    assert found.threshold == pytest.approx(threshold) and not found.guaranteed
    settings = {"threshold": found.threshold}
    kept = selective_report(LABELS, PROBABILITIES, settings)["abstention"]
    assert kept["coverage"] == calibration.coverage_at_error(LABELS, PROBABILITIES, target_risk)
    assert kept["error"] == found.wrong / found.predicted <= target_risk


@pytest.mark.parametrize("classes", [2, 6])
def test_where_all_are_right_those_that_know_nothing_are_unsure(classes):
    sure = np.full((200, classes), 0.1 / (classes - 1))
    sure[:, 0] = 0.9
    found = control_risk(np.zeros(200, int), sure, 0.02, 0.9)
    assert found.guaranteed and found.predicted == 200
    assert found.threshold == pytest.approx((0.9 + 1 / classes) / 2)


@pytest.mark.parametrize("confidence", [0, 0.9])
def test_no_rounding_moves_an_image_over_the_threshold(overconfident, confidence):
    labels, probabilities = overconfident(400)
    found = control_risk(labels, probabilities, 0.3, confidence)
    assert 0 < found.threshold < 1 and found.guaranteed == bool(confidence)
    other = probabilities.astype(np.float32) * np.float32(1 + 2e-7)
    predicted = probabilities.max(axis=1) > found.threshold
    np.testing.assert_array_equal(other.max(axis=1) > found.threshold, predicted)
    assert found.predicted == predicted.sum()


def test_where_even_the_surest_are_wrong_everything_is_unsure():
    labels, certain = np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert control_risk(labels, certain, 0.02, 0).threshold == 1
    kept = selective_report(labels, certain, {"threshold": 1.0})["abstention"]
    assert kept == {"threshold": 1, "coverage": 0, "error": None, "error_interval": None}


@pytest.mark.parametrize(
    ("target_risk", "confidence", "count"),
    [
        (0.02, 0.9, 114),
        (0.05, 0.95, 59),
        (0.5, 0.5, 1),
        (1, 0.9, 1),
        (0, 0.9, None),
        (0.1, 0, None),
    ],
)  # fmt: skip
def test_how_many_right_predictions_are_needed(target_risk, confidence, count):
    assert images_needed(target_risk, confidence) == count
    if count:  # the guarantee begins exactly there
        enough = control_risk(*sure_of([], count), target_risk, confidence)
        assert enough.guaranteed and enough.predicted == count
        assert enough.upper_bound <= target_risk + 1e-12
    if count and count > 1:
        assert not control_risk(*sure_of([], count - 1), target_risk, confidence).guaranteed


@pytest.mark.parametrize(
    "wrong", [[], [200], [193], [150], [194], [20, 194], [200, 210], [270, 290, 300], [5, 264, 265]]
)
def test_the_lowest_threshold_of_the_sequence_by_hand(wrong):
    labels, probabilities = sure_of(wrong, 328)
    found = control_risk(labels, probabilities, 0.02, 0.9)
    # By the binomial distribution itself: the last before the first that cannot be shown. With one
    # error 194 images are needed for 2%, which is within 60% of 328; with two 265 would not be.
    errors = np.cumsum(labels)
    shown = [stats.binom.cdf(errors[n - 1], n, 0.02) <= 0.1 for n in range(194, 329)]
    expected = 328 if all(shown) else 193 + shown.index(False)
    assert found.guaranteed and found.predicted == expected
    assert found.predicted == (probabilities.max(axis=1) > found.threshold).sum()
    assert found.wrong == errors[expected - 1]


@pytest.mark.parametrize(
    ("images", "first"),
    # 2% at 90%: with 0 to 5 errors 114, 194, 265, 333, 398 and 462 images are needed.
    [(113, 114), (114, 114), (323, 114), (324, 194), (770, 462), (100_000, 462)],
)
def test_where_the_tests_begin(images, first):
    assert first_test(images, 0.02, 0.9) == first
    if images > first:  # errors before do not matter, as long as they are not too many
        few = [114, 194, 265, 333, 398, 462].index(first)
        assert control_risk(*sure_of(range(few), images), 0.02, 0.9).guaranteed
        assert not control_risk(*sure_of(range(few + 1), images), 0.02, 0.9).guaranteed


def test_without_a_guarantee_it_is_the_point_estimate_and_says_why():
    few, early = sure_of([40], 60), sure_of([50, 60, 260, 270, 280, 290], 328)
    for images, words in (
        (few, "60 validation images are too few, since it takes 114 or more"),
        (early, "too many of the most confident predictions for the 328 validation images"),
    ):
        found, plain = (control_risk(*images, 0.02, confidence) for confidence in (0.9, 0))
        assert not found.guaranteed and found.upper_bound is None
        assert (found.threshold, found.predicted) == (plain.threshold, plain.predicted)
        assert found.statement().startswith("Nothing is guaranteed for new images: ")
        assert words in found.statement() and "--risk_confidence=0" in plain.statement()
        assert found.statement().endswith("on new ones about as often as not.")
    assert "no number of images" in control_risk(*few, 0, 0.9).statement()
    hopeless = control_risk(*sure_of(range(200), 200), 0.02, 0.9)
    assert hopeless.threshold == 1 and "themselves" not in hopeless.statement()


def test_the_statement_has_target_confidence_images_and_how_many_are_too_few():
    found = control_risk(*sure_of([200], 328), 0.02, 0.9)
    assert found.statement() == (
        "It is guaranteed with 90% confidence that at most 2.0% of its predictions (without "
        "`unsure`) are wrong on images like the 328 validation images: "
        f"{found.predicted} of these got a prediction, {found.wrong} a wrong one; fewer than 114 "
        "would have been too few."
    )
    assert json.loads(json.dumps(found.to_dict()))["statement"] == found.statement()


def thresholds_over(draw, confidence):
    """Chooses a threshold for a risk of 0.35 on each draw of 400 images.

    Returns how many thresholds have a higher risk, and how many were guaranteed.
    """
    labels, probabilities = draw(200_000, seed=10_000)
    confidences, right = calibration.confidence_and_correct(labels, probabilities)
    over, guaranteed = 0, 0
    for seed in range(DRAWS):
        found = control_risk(*draw(400, seed=seed), 0.35, confidence)
        predicted = confidences > found.threshold
        over += 1 - right[predicted].mean() > 0.35
        guaranteed += found.guaranteed
    return over, guaranteed


@pytest.mark.parametrize("confidence", [0.7, 0.9])
def test_the_guarantee_holds_at_the_stated_rate(overconfident, confidence):
    over, guaranteed = thresholds_over(overconfident, confidence)
    # More, by chance 1 in 1,000.
    assert 0 < over <= stats.binom.ppf(0.999, DRAWS, 1 - confidence)
    assert guaranteed > 0.9 * DRAWS


def test_a_point_estimate_would_break_it(overconfident):
    over, guaranteed = thresholds_over(overconfident, 0)
    assert over > stats.binom.ppf(0.999, DRAWS, 0.3) and not guaranteed


def test_the_guarantee_holds_with_a_temperature_that_was_fitted_on_the_same_images(overconfident):
    settings = CalibrationConfig(target_risk=0.35, risk_confidence=0.9)
    labels, probabilities = overconfident(20_000, seed=10_000)
    over = 0
    for seed in range(DRAWS):
        found = fit_calibration(*overconfident(400, seed=seed), settings)
        scaled = calibration.apply_temperature(probabilities, found.temperature)
        confidence, right = calibration.confidence_and_correct(labels, scaled)
        over += 1 - right[confidence > found.risk.threshold].mean() > 0.35
    assert 0 < over <= stats.binom.ppf(0.999, DRAWS, 0.1)


def test_the_guarantee_holds_where_the_first_thresholds_are_already_too_risky():
    """The model errs in 2.5% whatever its confidence: whoever guarantees 2% is wrong."""
    generator = np.random.default_rng(0)
    guaranteed = 0
    for _ in range(DRAWS):
        labels, probabilities = sure_of([], 328)
        labels[generator.random(328) < 0.025] = 1
        guaranteed += control_risk(labels, probabilities, 0.02, 0.9).guaranteed
    assert 0 < guaranteed <= stats.binom.ppf(0.999, DRAWS, 0.1)


@pytest.mark.filterwarnings("ignore:Fixed sequence testing requires")  # what LTT does not
@pytest.mark.parametrize(("target_risk", "confidence"), [(0.3, 0.9), (0.25, 0.8), (0.36, 0.7)])
def test_thresholds_are_those_of_mapie(overconfident, target_risk, confidence):
    pytest.importorskip("mapie", "1.6", reason="needs mapie 1.6: extra dev")
    from mapie.risk_control import BinaryRisk, MultiClassificationLTTController

    labels, probabilities = overconfident(700)
    confidences, right = calibration.confidence_and_correct(labels, probabilities)
    order, fewest = np.argsort(-confidences), first_test(700, target_risk, confidence)
    risk = BinaryRisk(lambda truth, guess: guess != truth, lambda _, guess: ~np.isnan(guess), False)
    theirs = MultiClassificationLTTController(
        lambda images: images,
        [risk],
        [target_risk],
        confidence,
        # It predicts from its threshold on, so the N-th confidence lets N images pass.
        list_predict_params=confidences[order][fewest - 1 :],
        classes=np.arange(5),
        fwer_method="fixed_sequence",
    ).calibrate(probabilities, labels)
    found = control_risk(labels, probabilities, target_risk, confidence)
    assert found.guaranteed and found.predicted < 700
    assert found.predicted == fewest + len(theirs.valid_predict_params) - 1
    wrong, counts = np.cumsum(~right[order])[fewest - 1 :], np.arange(fewest, 701)
    # It rounds errors up from a share, by which some are one too many.
    exact = np.ceil(wrong / counts * counts) == wrong
    assert exact.mean() > 0.8
    expected = stats.binom.cdf(wrong, counts, target_risk)
    np.testing.assert_allclose(theirs.p_values[exact, 0], expected[exact], atol=1e-12)
