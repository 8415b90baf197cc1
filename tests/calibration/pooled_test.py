import numpy as np
import pytest

from trash_keras.calibration import pooled
from trash_keras.data.catalog import Catalog
from trash_keras.metrics.predictions import Predictions

CATALOG = Catalog(
    ("a", "b"),
    {
        "train": {"a": ("a/1.png",), "b": ("b/1.png",)},
        "valid": {"a": ("a/2.png",), "b": ()},
        "test": {"a": ("a/\u00e4.png",), "b": ("b/2.png",)},
    },
)


@pytest.fixture
def file(tmp_path):
    """Writes predictions for some images, right ones, and returns the file."""

    def write(*paths, class_names=("a", "b")):
        labels = np.array([int(path[0] == "b") for path in paths])
        rows = np.where(labels[:, None] == np.arange(len(class_names)), 0.9, 0.1)
        Predictions(class_names, paths, labels, rows).save(tmp_path / "seed0.csv")
        return tmp_path / "seed0.csv"

    return write


def test_test_images_of_the_run_do_not_choose_its_threshold(file):
    # As macOS spells one of them, which is the same image.
    found = pooled.load(
        file("b/2.png", "b/1.png", "a/a\u0308.png", "a/2.png", "a/new.png"), CATALOG
    )
    assert found.paths == ["b/1.png", "a/2.png", "a/new.png"]
    assert found.labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("paths", "class_names", "message"),
    [
        (["a/1.png", "a/1.png"], ("a", "b"), "has some images twice.*one seed"),
        (["b/2.png"], ("a", "b"), "has test images of this run alone"),
        (["a/1.png"], ("a", "b", "c"), "must have the classes of the run, a, b.* has a, b, c"),
        (["a/1.png"], ("b", "a"), "must have the classes of the run, a, b.* has b, a"),
    ],
)
def test_what_does_not_fit_the_run_is_refused(file, paths, class_names, message):
    with pytest.raises(ValueError, match=message):
        pooled.load(file(*paths, class_names=class_names), CATALOG)


def test_another_file_is_refused_by_what_it_is(tmp_path):
    CATALOG.save(tmp_path / "catalog.json")
    with pytest.raises(ValueError, match=r"--calibration_predictions takes .* a catalog of splits"):
        pooled.load(tmp_path / "catalog.json", CATALOG)
    with pytest.raises(ValueError, match=r"No usable predictions at .*gone"):
        pooled.load(tmp_path / "gone.csv", CATALOG)
