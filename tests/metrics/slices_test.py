import numpy as np
import pytest

from trash_keras.metrics import slices
from trash_keras.metrics.intervals import wilson_interval
from trash_keras.metrics.predictions import Predictions

PATHS = ["glass/a.jpg", "glass/b.jpg", "metal/a.jpg", "metal/c.jpg"]


@pytest.fixture
def write(tmp_path):
    def write(text, name="slices.csv"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_files_are_named_by_path_or_by_their_last_part(write):
    named = write("file,subset\nglass/a.jpg,old\nc.jpg,new\nelsewhere/z.jpg,old\nb.jpg,\n")
    assert slices.load(named, PATHS) == {
        "glass/a.jpg": "old", "glass/b.jpg": "(not listed)", "metal/a.jpg": "(not listed)",
        "metal/c.jpg": "new",
    }  # fmt: skip


def test_another_column_and_odd_names_of_files(write):
    named = write('class,file,taken by\nx,b.jpg,"me, at home"\n', "of: slices.csv")
    assert slices.load(named + ":taken by", PATHS)["glass/b.jpg"] == "me, at home"
    with pytest.raises(ValueError, match=r"columns file and subset.* has 1 rows .*taken by"):
        slices.load(named, PATHS)  # the colon in the file's own name is none of a column


def test_no_slices():
    assert slices.load("", PATHS) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,subset\n", "has 0 rows and the columns: file, subset"),
        ("", "has 0 rows and the columns: none"),
        ("name,subset\nb.jpg,x\n", "has 1 rows and the columns: name, subset"),
        ("file,subset\nb.jpg,x\nb.jpg,y\n", "names b.jpg more than once"),
        ("file,subset\na.jpg,x\n", r"but 2 images are called that.* as in glass/a.jpg"),
        ("file,subset\nz.jpg,x\n", "none of the 4 images.* as in glass/a.jpg"),
        ("file,subset\n\x00", "^--slices takes .* a file of another kind"),
    ],
)
def test_files_that_cannot_be_used(write, text, message):
    with pytest.raises(ValueError, match=message):
        slices.load(write(text), PATHS)
    with pytest.raises(ValueError, match=r"No usable --slices at gone\.csv"):
        slices.load("gone.csv", PATHS)


def test_recall_of_each_class_in_each_slice():
    right = [True, True, False, True, False]
    labels = np.array([0, 0, 0, 1, 1])
    predictions = np.where(right, labels, 1 - labels)
    paths = [f"{index}.jpg" for index in range(5)]
    found = Predictions(("glass", "metal"), paths, labels, np.eye(2)[predictions])
    slice_of = dict(zip(paths, ["old", "new", "new", "new", "new"], strict=True))
    assert slices.slice_metrics(found, slice_of) == {
        "new": {
            "glass": {"recall": 0.5, "interval": wilson_interval(1, 2), "support": 2},
            "metal": {"recall": 0.5, "interval": wilson_interval(1, 2), "support": 2},
        },
        "old": {"glass": {"recall": 1.0, "interval": wilson_interval(1, 1), "support": 1}},
    }


def test_accuracy_and_coverage_of_each_slice():
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.55, 0.45], [0.2, 0.8]])
    paths = ["home/a", "home/b", "home/c", "web/a"]
    found = Predictions(("glass", "metal"), paths, labels, probabilities)
    scored = slices.totals(found, {path: path[:-2] for path in paths}, 0.6)
    assert list(scored) == ["home", "web"]
    home = scored["home"]
    assert [home[name] for name in ("examples", "correct", "predicted", "wrong")] == [3, 2, 2, 1]
    assert (home["accuracy"], home["accuracy_interval"]) == (2 / 3, wilson_interval(2, 3))
    assert (home["coverage"], home["coverage_interval"]) == (2 / 3, wilson_interval(2, 3))
    assert (home["error"], home["error_interval"]) == (0.5, wilson_interval(1, 2))
    unsure = slices.totals(found, dict.fromkeys(paths, "all"), 1.0)["all"]
    assert (unsure["coverage"], unsure["error"], unsure["error_interval"]) == (0, None, None)
