import pytest

from trash_keras.reporting.text import comparison_bars, verdict_paragraphs

ORIGINAL = ["cardboard", "glass", "metal", "paper", "plastic", "trash"]


def text(report):
    return " ".join(verdict_paragraphs(report))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.9, "would be right for 50.0%; this model is 40.0 percentage points above it."),
        (0.52, "would be right for 50.0%; this model is not shown to be better than that."),
    ],
)
def test_it_compares_with_the_most_frequent_class(scored, share, expected):
    split = scored(["a", "b"], accuracy=share, accuracy_interval=[share - 0.05, share + 0.05])
    report = {"class_names": ["a", "b"], "test": split}
    assert f"Always predicting “a”, the most frequent class, {expected}" in text(report)
    assert [bar["text"] for bar in comparison_bars(report)] == [f"{share:.1%}", "50.0%"]


@pytest.mark.parametrize(("correct", "warned"), [(44, True), (45, False)])
def test_it_warns_of_fewer_than_100_images(scored, correct, warned):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], correct)}
    warning = f"Only {correct + 55} images were scored, so the interval is wide"
    assert (warning in text(report)) == warned


@pytest.mark.parametrize(("split", "warned"), [("train", True), ("all", True), ("valid", False)])
def test_it_says_where_the_model_may_have_seen_the_images(scored, split, warned):
    report = {"class_names": ["a", "b"], split: scored(["a", "b"])}
    assert ("too good" in text(report)) == warned


@pytest.mark.parametrize(
    ("accuracy", "place"),
    [
        (0.95, "below that interval."),
        (0.84, "inside that interval, so neither is shown to be better."),
        (0.70, "above that interval."),
    ],
)
def test_the_original_claim_is_compared_with_validation_images(scored, accuracy, place):
    interval = [accuracy - 0.02, accuracy + 0.02]
    report = {
        "class_names": ORIGINAL,
        "valid": scored(ORIGINAL, accuracy=accuracy, accuracy_interval=interval),
        "test": scored(ORIGINAL),
    }
    assert "claimed 84.15%, on validation images of TrashNet. Like with like" in text(report)
    assert f"reaches {accuracy:.1%} on its validation images" in text(report)
    assert f"the claim is {place}" in text(report)
    bars = [(bar["name"], bar["text"], bar["interval"]) for bar in comparison_bars(report)]
    assert bars[1] == ("This model, validation images", f"{accuracy:.1%}", interval)
    assert bars[2] == ("Original README, validation images", "84.15%", None)
    assert len(bars) == 4


def test_without_validation_images_the_original_claim_is_not_quite_like_with_like(scored):
    report = {"class_names": ORIGINAL, "test": scored(ORIGINAL)}
    expected = "Not quite like with like, this model reaches 98.3% on its test images"
    assert expected in text(report)
    assert [bar["text"] for bar in comparison_bars(report)] == ["98.3%", "84.15%", "16.7%"]


@pytest.mark.parametrize("class_names", [ORIGINAL[:5], [*ORIGINAL, "other"]])
def test_the_original_claim_is_left_out_for_other_classes(scored, class_names):
    report = {"class_names": class_names, "test": scored(class_names)}
    assert "84.15" not in text(report) and len(comparison_bars(report)) == 2


def test_renamed_classes_are_not_compared_with_trashnet(scored):
    renamed = {"classes": {"jar": "glass"}, "left_out": {}}
    report = {"class_names": ORIGINAL, "all": scored(ORIGINAL), "label_map": renamed}
    assert "84.15" not in text(report) and len(comparison_bars(report)) == 2


def test_synthetic_images_are_called_so_and_not_compared_with_trashnet(scored):
    run = {"data_source": "synthetic, 60 images a class, seed 0"}
    report = {"class_names": ORIGINAL, "test": scored(ORIGINAL), "run": run}
    assert text(report).startswith("These images are synthetic, not photographs")
    assert "84.15" not in text(report) and len(comparison_bars(report)) == 2
