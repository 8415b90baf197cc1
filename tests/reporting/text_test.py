import numpy as np
import pytest

from trash_keras.calibration.threshold import control_risk
from trash_keras.config import Config
from trash_keras.reporting.text import calibration_paragraphs, confidence_paragraphs

SETTINGS = {"temperature": 1.0, "threshold": 0.75, "set_threshold": None, "tta": 1}
ABSTENTION = {"threshold": 0.75, "coverage": 0.8, "error": 0.025, "error_interval": [0.01, 0.06]}


def text_of(scored, changes=None, settings=None, **report):
    """What is said of a test split with these figures, by a run with --target_risk=0.03."""
    split = scored(["a", "b"], abstention=ABSTENTION) | (changes or {})
    config = Config().to_dict()
    config["answering"]["target_risk"] = 0.03
    report = {"answering": SETTINGS | (settings or {}), "config": config, "test": split} | report
    return " ".join(calibration_paragraphs(report))


@pytest.mark.parametrize(
    ("mean", "coverage", "expected"),
    [
        (
            0.99,
            0.5,
            ["overconfident: confidence 99.0%", "it classifies 50.0% with at most 2% wrong"],
        ),
        (
            0.5,
            0.0,
            ["underconfident: confidence 50.0%", "Even its most confident predictions are wrong"],
        ),
    ],
)
def test_confidence_is_put_into_words(scored, mean, coverage, expected):
    split = scored(["a", "b"], accuracy=0.9, ece=0.0876, coverage_at_2_percent_error=coverage)
    words = " ".join(confidence_paragraphs({"class_names": ["a", "b"], "test": split}, mean))
    assert "(ECE, 15 bins) of 0.088" in words and "accuracy 90.0%" in words
    assert all(part in words for part in expected)


def test_a_report_of_an_earlier_version_says_nothing_of_it(scored):
    assert text_of(scored, answering=None) == ""


def test_the_threshold_is_shown_with_its_coverage_and_its_error(scored):
    assert text_of(scored) == (
        "It is unsure up to a probability of 0.750, with at most 3.0% wrong predictions "
        "on validation images. It classifies 80.0% of the test images, 2.5% of these wrongly (95% "
        "interval 1.0% to 6.0%)."
    )


def test_what_is_guaranteed_is_said(scored):
    labels = np.zeros(400, int)
    confidence = np.linspace(0.51, 0.99, 400)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels[:100] = 1  # the least confident
    found = control_risk(labels, probabilities, 0.03, 0.9).to_dict()
    text = text_of(scored, risk_control=found)
    assert "0.750, guaranteed to leave at most 3.0% wrong predictions. It" in text
    assert text.endswith(found["statement"])
    pooled = text_of(scored, risk_control=found | {"guaranteed": False, "pooled": True})
    assert "with at most 3.0% wrong predictions on cross-validation images." in pooled


def test_without_a_target_risk_none_is_made_up(scored):
    text = text_of(scored, config=None)
    assert text.startswith("It is unsure up to a probability of 0.750. It classifies 80.0% of")


@pytest.mark.parametrize(
    ("threshold", "changes", "expected"),
    [
        (
            0.0,
            {},
            "never unsure and classifies every image, with at most 3.0% wrong predictions on valid",
        ),
        (
            1.0,
            {},
            "unsure of every image: no threshold comes with at most 3.0% wrong predictions on val",
        ),
        (0.9, {"coverage": 0, "error": None, "error_interval": None}, "That is all of the test"),
    ],
)
def test_extreme_thresholds_are_described(scored, threshold, changes, expected):
    text = text_of(scored, {"abstention": ABSTENTION | changes}, {"threshold": threshold})
    assert expected in text


def test_the_temperature_is_shown_with_its_effect(scored):
    figures = {"ece": 0.021, "ece_uncalibrated": 0.043, "brier": 0.1, "brier_uncalibrated": 0.15}
    text = text_of(scored, figures, {"temperature": 1.432})
    assert "A temperature of 1.43, fitted on validation images" in text
    assert "ECE on the test images is 0.043 instead of 0.021" in text
    assert "the Brier score 0.150 instead of 0.100." in text


def test_conformal_sets_are_shown_with_their_size_and_coverage(scored):
    sets = {"threshold": 0.2, "coverage": 0.952, "mean_size": 1.34}
    expected = "of 1.34 classes on average, hold the true class for 95.2% of the test images"
    assert expected in text_of(scored, {"conformal": sets}, {"set_threshold": 0.2})
