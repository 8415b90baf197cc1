import json

import numpy as np
import pytest

from trash_keras.metrics import classification
from trash_keras.reporting import markdown

NAMES = ("blue", "green|red", "<b>")


def scored(labels=(0, 0, 0, 1, 1, 2), predictions=(0, 0, 1, 1, 1, 0), names=NAMES):
    probabilities = np.eye(len(names))[list(predictions)]
    return classification.classification_report(np.array(labels), probabilities, names)


def whole():
    run = {"command": "train --x='a|b`c`'\n", "git_revision": None}
    return {"class_names": list(NAMES), "train": scored(), "test": scored(), "run": run}


def tables(page):
    """Cells of each table, by its heading."""
    found = {}
    for part in page.split("\n\n"):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        if part.startswith("|"):
            lines = [line.replace("\\|", "¦") for line in part.splitlines()]
            found[heading] = [
                [cell.strip() for cell in line.strip("|").split("|")] for line in lines
            ]
            assert len({len(line) for line in found[heading]}) == 1, part
    return found


def test_the_page_shows_accuracy_classes_matrix_exports_and_origin():
    formats = {
        "float32": {"path": "model.tflite", "bytes": 1_500_000, "max_difference": 3e-7},
        "int8": {"path": "i.tflite", "bytes": 500_000, "max_difference": 0.02, "accuracy": 2 / 3,
                 "agreement": 0.99},
    }  # fmt: skip
    page = markdown.summary(whole(), {"kinds": formats})
    assert page.startswith("## 66.7% of 6 test images are classified correctly (95% interval ")
    found = tables(page)
    splits = next(iter(found.values()))
    assert [row[:3] for row in splits[2:]] == [["train", "6", "0.6667"], ["test", "6", "0.6667"]]
    assert found["Classes, test split"][2] == ["blue", "0.667", "0.667", "0.667", "3"]
    assert found["Confusion matrix, test split"] == [
        ["truth \\ prediction", "blue", "green¦red", "&lt;b>"],
        [":--", "--:", "--:", "--:"],
        ["**blue**", "**2**", "1", "0"],
        ["**green¦red**", "0", "**2**", "0"],
        ["**&lt;b>**", "1", "0", "**0**"],
    ]
    assert found["Exports"][2:] == [
        ["float32", "`model.tflite`", "1.5", "", "", "3.0e-07"],
        ["int8", "`i.tflite`", "0.5", "0.6667", "0.9900", "2.0e-02"],
    ]
    assert found["How it was made"][2:] == [["command", "`train --x='a¦b'c''`"]]


def test_without_exports_run_or_bar_their_parts_are_left_out():
    page = markdown.summary({"class_names": list(NAMES), "all": scored()}, {})
    assert "Exports" not in page and "How it was made" not in page and "bar" not in page
    assert "Confusion matrix, all split" in page


@pytest.mark.parametrize(("bar", "reached"), [(0.0, True), (4 / 6, True), (0.67, False)])
def test_the_bar_is_reached_when_it_is_met(bar, reached):
    content = whole()
    assert markdown.reaches(content, bar) is reached
    relation = "reaches" if reached else "is below"
    sentence = f"The accuracy of 0.6667 on the test split {relation} the bar of {bar:.4f}."
    assert markdown.verdict(content, bar) == sentence
    assert ("✅ " if reached else "❌ ") + sentence in markdown.summary(content, {}, bar)


def test_of_many_classes_the_most_frequent_confusions_are_shown():
    names = [f"class{index}" for index in range(markdown.MATRIX_CLASSES + 1)]
    labels, predictions = [3] * 5 + [4] * 2 + [5], [1] * 5 + [4, 2] + [0]
    content = {"class_names": names, "test": scored(labels, predictions, names)}
    rows = tables(markdown.summary(content, {}))["Confusion matrix, test split"]
    assert rows[2:] == [["class3", "class1", "5"], ["class4", "class2", "1"],
                        ["class5", "class0", "1"]]  # fmt: skip
    assert "26 classes are too many for a table" in markdown.summary(content, {})


def test_a_page_of_a_thousand_classes_is_one_that_github_shows():
    names = [f"a class with a longer name {index}" for index in range(1000)]
    labels = np.arange(1000)
    content = {"class_names": names, "test": scored(labels, (labels + 1) % 1000, names)}
    assert len(markdown.summary(content, {}).encode()) < 2**20


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        ((), 0, ""),
        (("--minimum_accuracy=0.9",), 0, ""),
        (("--minimum_accuracy=0.6", "--enforce"), 0, ""),
        (("--minimum_accuracy=0.9", "--enforce"), 1, "is below the bar of 0.9000."),
        (("--enforce",), 1, "--enforce needs a bar: --minimum_accuracy=0.8"),
        (("--minimum_accuracy=-1",), 2, "flag --minimum_accuracy=-1"),
        (("--workdir=gone",), 1, "train first"),
    ],
)
def test_the_script_prints_the_page_and_fails_below_an_enforced_bar(
    script, tmp_path, flags, status, message
):
    (tmp_path / "report.json").write_text(json.dumps(whole()))
    done = script("tools.summarize", f"--workdir={tmp_path}", *flags)
    assert done.returncode == status, done.stderr
    assert message in done.stderr and done.stderr.count("\n") == (1 if message else 0)
    assert done.stdout.startswith("## 66.7%") is (status == 0 or "bar of" in message)
