import numpy as np
import pytest

from trash_keras.config import Config
from trash_keras.reporting.verdict import caveats, comparison_bars, verdict_sentences

ORIGINAL = ["cardboard", "glass", "metal", "paper", "plastic", "trash"]


def text(report):
    return " ".join(caveats(report))


def answered(scored, target=0.02, **abstention):
    """The first sentence, of a run with this target."""
    found = {"threshold": 0.7, "coverage": 0.9, "error": 0.03, "error_interval": [0.01, 0.05]}
    config = Config().to_dict()
    config["answering"]["target_risk"] = target
    split = scored(["a", "b"], abstention=found | abstention)
    return verdict_sentences({"class_names": ["a", "b"], "test": split, "config": config})[0]


@pytest.mark.parametrize(
    ("target", "judged"),
    [
        (0.03, ", not more than the 3.0% that was wanted."),
        (0.02, ", more than the 2.0% that was wanted, by no more than chance explains."),
        (0.009, ", more than the 0.9% that was wanted, by more than chance explains."),
    ],
)
def test_wrong_predictions_are_compared_with_what_was_wanted(scored, target, judged):
    assert answered(scored, target) == (
        "90.0% of the test images get a prediction (the others are unsure); 3.0% of these "
        f"predictions are wrong (95% interval 1.0% to 5.0%){judged}"
    )


def test_all_images_or_none_may_get_a_prediction(scored):
    assert answered(scored, coverage=1.0).startswith("All test images get a prediction; 3.0% of")
    assert answered(scored, coverage=0.0, error=None, error_interval=None) == (
        "None of the test images gets a prediction: the model is unsure of all."
    )


def test_where_no_risk_was_asked_for_none_is_compared(scored):
    report = {"class_names": ["a", "b"], "all": scored(["a", "b"])}
    assert verdict_sentences(report)[0].startswith("All scored images get a prediction; 5.0% of")
    assert "wanted" not in verdict_sentences(report)[0]


def test_the_weakest_class_and_the_main_confusion_are_named(predicted):
    matrix = [[40, 6, 4], [0, 9, 1], [0, 0, 50]]
    report = {"class_names": ["a", "b", "c"], "test": predicted(["a", "b", "c"], matrix).score()}
    _, weakest, confusion = verdict_sentences(report)
    assert weakest == (
        "The weakest class is “a”: 80.0% of its 50 test images are recognized "
        "(95% interval 67.0% to 88.8%)."
    )
    assert confusion == "The main confusion: 6 of 50 images of “a” are taken for “b”."


def test_without_errors_there_is_neither(predicted):
    # A class without an image is not the weakest.
    scores = predicted(["a", "b", "c"], np.diag([5, 5, 0])).score()
    _, weakest, confusion = verdict_sentences({"class_names": ["a", "b", "c"], "test": scores})
    assert weakest == "No class is weak: all test images of each are recognized."
    assert confusion == "No class is taken for another one."


@pytest.mark.parametrize(("share", "warned"), [(0.9, False), (0.52, True)])
def test_it_compares_with_the_most_frequent_class(scored, share, warned):
    split = scored(["a", "b"], accuracy=share, accuracy_interval=[share - 0.05, share + 0.05])
    report = {"class_names": ["a", "b"], "test": split}
    warning = (
        "This model is not shown to be better than always predicting “a”, the most frequent "
        "class, which is right for 50.0%."
    )
    assert (warning in text(report)) == warned
    assert [(bar["name"], bar["share"], bar["interval"]) for bar in comparison_bars(report)] == [
        ("This model, test images", share, [share - 0.05, share + 0.05]),
        ("Always “a”, test images", 0.5, None),
    ]


@pytest.mark.parametrize(("correct", "warned"), [(44, True), (45, False)])
def test_it_warns_of_fewer_than_100_images(scored, correct, warned):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], correct)}
    warning = f"Only {correct + 55} images were scored, so the interval is wide"
    assert (warning in text(report)) == warned


@pytest.mark.parametrize(("split", "warned"), [("train", True), ("all", True), ("valid", False)])
def test_it_says_where_the_model_may_have_seen_the_images(scored, split, warned):
    report = {"class_names": ["a", "b"], split: scored(["a", "b"])}
    assert ("too good" in text(report)) == warned


def test_synthetic_images_are_called_so_first(scored):
    run = {"data_source": "synthetic, 60 images a class, seed 0"}
    report = {"class_names": ORIGINAL, "test": scored(ORIGINAL), "run": run}
    assert text(report).startswith("These images are synthetic, not photographs")


def test_a_users_report_has_no_figures_of_this_project(scored):
    report = {"class_names": ORIGINAL, "valid": scored(ORIGINAL), "test": scored(ORIGINAL)}
    told = " ".join(verdict_sentences(report) + caveats(report))
    assert "README" not in told and "TrashNet" not in told
