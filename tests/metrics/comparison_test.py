import json

import numpy as np
import pytest

from trash_keras.metrics import comparison, cross_validation
from trash_keras.metrics.predictions import Predictions
from trash_keras.storage import local

CLASS_NAMES = ("glass", "metal")


@pytest.fixture
def write_run(tmp_path):
    """Writes a run whose predictions are right (1) or wrong (0) on files 0.png, 1.png ..."""

    def write(name, right, *, split="test", class_names=CLASS_NAMES, files=None, **settings):
        folder = tmp_path / name
        right = np.array(right, bool)
        labels = np.arange(len(right)) % 2
        predictions = np.where(right, labels, 1 - labels)
        paths = files or [f"{index}.png" for index in range(len(right))]
        found = Predictions(class_names, paths, labels, np.eye(len(class_names))[predictions])
        found.save(folder / "predictions" / f"{split}.csv")
        report = {"class_names": list(class_names), split: found.score(), "run": {}}
        (folder / "report.json").write_text(json.dumps(report))
        (folder / "config.json").write_text(json.dumps({"training": settings}))
        return folder

    return write


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (0, 0, 1.0),
        (4, 4, 1.0),
        (0, 5, 2 / 2**5),
        (2, 8, 2 * (1 + 10 + 45) / 2**10),
        (8, 2, 2 * (1 + 10 + 45) / 2**10),
        (1, 0, 1.0),
    ],
)
def test_mcnemar_is_the_binomial_sum_done_by_hand(only_first, only_second, p_value):
    assert comparison.mcnemar(only_first, only_second) == pytest.approx(p_value, rel=1e-12)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 * 0.01, then 2 * 0.03, and 0.04 is below
        ([0.6, 0.5], [1.0, 1.0]),
    ],
)
def test_holm_done_by_hand(p_values, adjusted):
    assert comparison.holm(p_values) == pytest.approx(adjusted)


def test_figures_of_runs_and_what_one_alone_has_right(write_run):
    first = write_run("first", [1] * 8 + [0] * 2)
    second = write_run("second", [0] * 6 + [1] * 2 + [1, 0])
    compared = comparison.compare([first, second])
    assert [run["accuracy"] for run in compared["runs"]] == [0.8, 0.3]
    assert compared["runs"][0]["accuracy_interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert compared["runs"][0]["examples"] == 10
    assert compared["tests"] == [
        {
            "runs": ["first", "second"],
            "images": 10,
            "only_first": 6,
            "only_second": 1,
            "p_value": pytest.approx(2 * (1 + 7) / 2**7),
            "adjusted_p_value": pytest.approx(2 * (1 + 7) / 2**7),
        }
    ]


def test_images_are_matched_by_name_and_classes_by_name(write_run, tmp_path):
    first = write_run("first", [1, 0, 1, 1])
    loaded = Predictions.load(first / "predictions" / "test.csv")
    second = write_run("second", [1, 0, 1, 1])
    turned = Predictions(  # the same predictions, images and classes in the opposite order
        CLASS_NAMES[::-1], loaded.paths[::-1], 1 - loaded.labels[::-1],
        loaded.probabilities[::-1, ::-1],
    )  # fmt: skip
    turned.save(second / "predictions" / "test.csv")
    test = comparison.compare([first, second])["tests"][0]
    assert (test["images"], test["only_first"], test["only_second"]) == (4, 0, 0)


def test_three_runs_are_three_tests_adjusted_for_that(write_run):
    runs = [write_run("a", [1] * 12), write_run("b", [0] * 9 + [1] * 3), write_run("c", [0] * 12)]
    tests = comparison.compare(runs)["tests"]
    assert [test["runs"] for test in tests] == [["a", "b"], ["a", "c"], ["b", "c"]]
    p_values = [2 / 2**9, 2 / 2**12, 2 / 2**3]
    assert [test["p_value"] for test in tests] == pytest.approx(p_values)
    adjusted = [2 * 2 / 2**9, 3 * 2 / 2**12, 2 / 2**3]
    assert [test["adjusted_p_value"] for test in tests] == pytest.approx(adjusted)


def test_tests_that_cannot_be_made_do_not_count(write_run):
    same = [write_run("a", [1] * 6), write_run("b", [0] * 6)]
    other = write_run("c", [1] * 6, files=[f"other{i}.png" for i in range(6)])
    tests = comparison.compare([*same, other])["tests"]
    assert tests[0]["adjusted_p_value"] == tests[0]["p_value"] == 2 / 2**6
    assert [set(test) for test in tests[1:]] == [{"runs", "reason"}] * 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"files": ["0.png", "1.png", "2.png", "x.png"]},
         "scored on other images: 3 of 4 and 4 are the same"),
        ({"class_names": ("glass", "paper")}, "have different classes: glass, metal and glass, p"),
    ],
)  # fmt: skip
def test_other_images_or_classes_get_a_sentence_instead_of_a_number(write_run, changes, reason):
    first, second = write_run("a", [1, 1, 0, 0]), write_run("b", [1, 1, 0, 0], **changes)
    (test,) = comparison.compare([first, second])["tests"]
    assert reason in test["reason"] and "p_value" not in test


def test_an_image_of_another_class_is_another_image(write_run):
    first, second = write_run("a", [1, 1, 0]), write_run("b", [1, 1, 0])
    text = (second / "predictions" / "test.csv").read_text()
    local.write_text(
        second / "predictions" / "test.csv", text.replace("0.png,glass", "0.png,metal")
    )
    assert "2 of 3 and 3" in comparison.compare([first, second])["tests"][0]["reason"]


def test_a_run_without_predictions_keeps_its_figures(write_run):
    first, second = write_run("a", [1, 0]), write_run("b", [1, 1])
    (second / "predictions" / "test.csv").unlink()
    compared = comparison.compare([first, second])
    assert compared["runs"][1]["accuracy"] == 1
    assert "b holds no predictions/test.csv" in compared["tests"][0]["reason"]
    assert (
        comparison.compare([second, first])["tests"][0]["reason"]
        == (compared["tests"][0]["reason"])
    )


def test_an_unfinished_run_is_listed_as_such(write_run):
    first, second = write_run("a", [1, 0]), write_run("b", [1, 1])
    (second / "report.json").unlink()
    compared = comparison.compare([first, second])
    assert compared["runs"][1]["missing"] == "there is no report.json, so the run is not finished."
    assert compared["tests"][0]["reason"].startswith("b: there is no report.json")


def test_a_run_without_the_split_is_listed_as_such(write_run):
    runs = [write_run("a", [1, 0]), write_run("b", [1, 1], split="all")]
    missing = comparison.compare(runs)["runs"][1]["missing"]
    assert missing == "its report has no split test, but all."
    with pytest.raises(ValueError, match=r"has figures for the split valid\. a: its report has no"):
        comparison.compare(runs, "valid")


def test_only_the_wanted_split_counts(write_run):
    runs = [write_run("a", [1, 0], split="valid"), write_run("b", [1, 1], split="valid")]
    assert comparison.compare(runs, "valid")["tests"][0]["images"] == 2


def test_sizes_and_minutes(write_run):
    first, second = write_run("a", [1, 0]), write_run("b", [1, 1])
    (first / "model.keras").write_bytes(b"x" * 1234)
    (first / "export").mkdir()
    kinds = {"float32": {"path": "model_float32.tflite", "bytes": 77}}
    (first / "export" / "export.json").write_text(json.dumps({"kinds": kinds}))
    report = json.loads((first / "report.json").read_text())
    report["run"]["training_minutes"] = 2.5
    (first / "report.json").write_text(json.dumps(report))
    one, other = comparison.compare([first, second])["runs"]
    assert (one["model_bytes"], one["exports"], one["training_minutes"]) == (
        1234,
        {"float32": 77},
        2.5,
    )
    assert (other["model_bytes"], other["exports"], other["training_minutes"]) == (None, {}, None)


def test_settings_that_differ(write_run):
    first = write_run("a", [1, 0], head_epochs=3, warmup_ratio=0.1, flip="none")
    second = write_run("b", [1, 1], head_epochs=4, warmup_ratio=0.1)
    scored = write_run("c", [1, 1])
    (scored / "config.json").unlink()  # as trash-keras evaluate leaves it
    settings = comparison.compare([first, second, scored])["settings"]
    assert settings == {"head_epochs": [3, 4, None], "flip": ["none", None, None]}


def test_runs_of_the_same_name_are_told_apart(write_run):
    runs = [write_run("x/run", [1, 0]), write_run("y/run", [1, 0])]
    assert [run["name"] for run in comparison.compare(runs)["runs"]] == ["x/run", "y/run"]


def test_folders_that_cannot_be_compared(write_run, tmp_path):
    run = write_run("a", [1, 0])
    with pytest.raises(ValueError, match=r"at least two runs to compare\. Received: none"):
        comparison.compare([])
    with pytest.raises(ValueError, match=r"at least two runs to compare\. Received: one"):
        comparison.compare([run])
    with pytest.raises(ValueError, match=r"named once\. Received twice"):
        comparison.compare([run, tmp_path / "elsewhere" / ".." / "a"])
    with pytest.raises(ValueError, match="gone holds no run"):
        comparison.compare([run, tmp_path / "gone"])


@pytest.mark.parametrize("text", ["{", "[]", '{"training": 3}'])
def test_a_damaged_file_is_named(write_run, text):
    runs = [write_run("a", [1, 0]), write_run("b", [1, 0])]
    (runs[1] / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        comparison.compare(runs)


@pytest.fixture
def write_validated(tmp_path):
    """Writes a cross-validation: a list of right and wrong predictions for each seed."""

    def write(name, *seeds, groups=(), **settings):
        folder, predictions = tmp_path / name, {}
        for seed, right in enumerate(seeds):
            labels = np.arange(len(right)) % 2
            given = np.where(np.array(right, bool), labels, 1 - labels)
            paths = [f"{index:02}.png" for index in range(len(right))]
            predictions[seed] = Predictions(CLASS_NAMES, paths, labels, np.eye(2)[given])
            predictions[seed].save(cross_validation.predictions_file(folder, seed))
        fold = {"examples": 4, "predicted": 3, "wrong": 1, "training_minutes": 1.75}
        folds = [{"seed": seed, **fold} for seed in predictions]
        report = {**cross_validation.score(predictions, folds), "folds": folds}
        (folder / "cross_validation.json").write_text(json.dumps(report))
        (folder / "config.json").write_text(json.dumps({"data": settings}))
        if groups:
            (folder / "groups.json").write_text(json.dumps({"groups": groups}))
        return folder

    return write


def test_cross_validations_are_compared_image_by_image(write_validated):
    first = write_validated("random", [1] * 36 + [0] * 4, [1] * 38 + [0] * 2, split="stratified")
    second = write_validated("grouped", [1] * 30 + [0] * 10, split="grouped")
    compared = comparison.compare([first, second])
    assert [run["accuracy"] for run in compared["runs"]] == pytest.approx([0.925, 0.75])
    assert compared["runs"][0]["training_minutes"] == 3.5
    assert compared["settings"] == {"split": ["stratified", "grouped"]}
    (test,) = compared["tests"]
    assert test["difference"] == pytest.approx(-0.175) and test["images"] == 40
    low, high = test["difference_interval"]
    assert -0.35 < low < -0.175 < high < 0
    assert "p_value" not in test


def test_near_duplicates_of_either_count_as_one_cluster(write_validated):
    right = [1] * 30 + [0] * 10
    groups = [[f"{index:02}.png" for index in range(30, 40)]]
    first = write_validated("first", [1] * 40)
    second = write_validated("second", right, groups=groups)
    (test,) = comparison.compare([first, second])["tests"]
    assert test["difference_interval"][1] == 0


def test_a_cross_validation_is_not_tested_against_a_run(write_validated, write_run):
    validated, run = write_validated("validated", [1, 1, 0, 1]), write_run("run", [1, 1, 0, 1])
    (test,) = comparison.compare([validated, run])["tests"]
    assert test["reason"] == "a cross-validation is compared with another one, not with a run."
    with pytest.raises(ValueError, match=r"validated: its report has no split valid, but test"):
        comparison.compare([validated, write_validated("other", [1, 0, 1, 1])], "valid")


def test_a_cross_validation_without_its_predictions_is_damaged(write_validated):
    runs = [write_validated("a", [1, 1, 0, 1]), write_validated("b", [1, 1, 0, 1])]
    (runs[1] / "predictions" / "seed0.csv").unlink()
    with pytest.raises(ValueError, match=r"No usable predictions at .*seed0\.csv"):
        comparison.compare(runs)
