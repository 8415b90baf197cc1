import json

import numpy as np
import pytest

from trash_keras.metrics import cross_validation, intervals
from trash_keras.metrics.predictions import Predictions

NAMES = ("glass", "metal")


def predicted(right, first=0):
    """Predictions on images of alternating classes, right (1) or wrong (0)."""
    labels = (np.arange(len(right)) + first) % 2
    predictions = np.where(np.array(right, bool), labels, 1 - labels)
    paths = [f"{index + first:03}.jpg" for index in range(len(right))]
    return Predictions(NAMES, paths, labels, 0.2 + 0.6 * np.eye(2)[predictions])


def fold(seed, examples=4, predicted=3, wrong=1):
    return {"seed": seed, "examples": examples, "predicted": predicted, "wrong": wrong}


def test_folds_become_one_list_in_the_order_of_the_paths():
    whole = predicted([1, 0, 0, 1, 1])
    joined = cross_validation.aggregate([predicted([1, 1], first=3), predicted([1, 0, 0])])
    assert joined.paths == whole.paths and joined.class_names == NAMES
    np.testing.assert_array_equal(joined.labels, whole.labels)
    np.testing.assert_array_equal(joined.probabilities, whole.probabilities)


def test_figures_over_seeds_done_by_hand():
    predictions = {
        4: predicted([1, 1, 1, 0]),
        5: predicted([1, 0, 1, 1]),
        6: predicted([1, 1, 1, 1]),
    }
    folds = [fold(4), fold(5, 3, 2, 0), fold(5, 1, 1, 1), fold(6, 4, 0, 0)]
    found = cross_validation.score(
        predictions, folds, slice_of=dict.fromkeys(predictions[4].paths, "all")
    )
    assert found["class_names"] == ["glass", "metal"] and found["images"] == 4
    assert found["accuracy"]["mean"] == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert found["accuracy"]["standard_deviation"] == pytest.approx(0.25 / 3**0.5)
    low, high = found["accuracy"]["interval"]
    assert low < found["accuracy"]["mean"] < high <= 1
    assert found["confusion_matrix"] == [[6, 0], [2, 4]]
    assert found["per_class"]["metal"]["recall"] == pytest.approx(2 / 3)
    assert found["per_class"]["metal"]["support"] == 2
    assert [scores["seed"] for scores in found["seeds"]] == [4, 5, 6]
    first = dict(found["seeds"][0])
    assert first.pop("seed") == 4
    assert first.pop("abstention") == {
        "coverage": 0.75, "error": 1 / 3, "error_interval": intervals.wilson_interval(1, 3)
    }  # fmt: skip
    assert found["seeds"][1]["abstention"]["coverage"] == 0.75
    assert found["seeds"][2]["abstention"] == {
        "coverage": 0, "error": None, "error_interval": None
    }  # fmt: skip
    assert found["abstention"] == {"coverage": 0.5, "error": 1 / 3}
    assert first.pop("subsets")["all"]["metal"]["recall"] == 0.5
    alone = predictions[4].score()
    assert first == {name: alone[name] for name in first}
    assert set(alone) - set(first) == {"abstention", *cross_validation.UNKNOWN}
    assert found["ece"]["mean"] == pytest.approx(
        np.mean([scores["ece"] for scores in found["seeds"]])
    )
    json.dumps(found, allow_nan=False)


def test_one_seed_has_no_deviation():
    found = cross_validation.score({0: predicted([1, 0, 1, 1])}, [fold(0)])
    assert found["accuracy"]["standard_deviation"] is None
    assert "subsets" not in found["seeds"][0]


@pytest.mark.parametrize("right", [1, 0])
def test_no_certainty_follows_from_a_few_images_that_are_all_alike(right):
    found = cross_validation.score(
        {0: predicted([right] * 12)}, [fold(0)], [("000.jpg", "001.jpg", "002.jpg")]
    )
    assert found["accuracy"]["interval"] == intervals.wilson_interval(10 * right, 10)


def test_a_difference_is_paired_and_counts_groups_once(tmp_path):
    generator = np.random.default_rng(0)
    hard = generator.random(400) < 0.5  # both fail on the same images, which says nothing
    images = [(f"{index:03}.jpg", "glass") for index in range(400)]
    first = dict(zip(images, (~hard).astype(float), strict=True))
    better = {image: 1.0 if index < 20 else first[image]
              for index, image in enumerate(images)}  # fmt: skip
    gained = sum(better[image] - first[image] for image in images) / 400
    found = cross_validation.difference(first, better, [tmp_path, tmp_path])
    assert found["difference"] == pytest.approx(gained)
    low, high = found["difference_interval"]
    assert 0 < low < gained < high and high - low < 0.04  # unpaired it would be 0.14
    backwards = cross_validation.difference(better, first, [tmp_path, tmp_path])
    assert backwards["difference_interval"] == pytest.approx([-high, -low], abs=0.004)
    groups = {"groups": [[file for file, _ in images[:20]]]}
    (tmp_path / "groups.json").write_text(json.dumps(groups))
    low, _ = cross_validation.difference(first, better, [tmp_path, tmp_path / "gone"])[
        "difference_interval"
    ]
    assert low == 0  # all the gain is one cluster, which may not be drawn


def test_a_missing_report_is_empty_and_a_damaged_one_refused(tmp_path):
    assert cross_validation.load(tmp_path) == {} == cross_validation.as_report(tmp_path)
    (tmp_path / cross_validation.REPORT).write_text("{")
    with pytest.raises(ValueError, match=r"cross_validation\.json is damaged"):
        cross_validation.load(tmp_path)
