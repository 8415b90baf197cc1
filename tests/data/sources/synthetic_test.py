"""Tests of the synthetic images."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from trash_keras.data.sources import synthetic
from trash_keras.data.sources.synthetic import CLASS_NAMES, draw_image, write_images

IMAGES_PER_CLASS = 60


def files_under(folder: Path) -> dict[str, bytes]:
    """Reads every file below the folder, by its path relative to the folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Sixty images of each class in turn: uint8 [360, 96, 128, 3]."""
    numbers = range(1, IMAGES_PER_CLASS + 1)
    return np.stack([draw_image(name, 0, number) for name in CLASS_NAMES for number in numbers])


def histogram_score(images: np.ndarray, classifier) -> float:
    """Cross-validated accuracy of the classifier on 8x8x8 joint colour histograms."""
    bins = (images // 32).astype(int) @ np.array([64, 8, 1])
    features = np.stack([np.bincount(each.ravel(), minlength=512) / each.size for each in bins])
    labels = np.repeat(np.arange(len(CLASS_NAMES)), IMAGES_PER_CLASS)
    return cross_val_score(classifier, np.sqrt(features), labels, cv=5).mean()


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_image_is_a_pure_function_of_its_arguments(class_name):
    image = draw_image(class_name, seed=3, index=5)
    assert image.shape == (96, 128, 3)
    assert image.dtype == np.uint8
    assert image.std() > 3
    draw_image(class_name, seed=3, index=6)
    assert np.array_equal(image, draw_image(class_name, seed=3, index=5))
    assert not np.array_equal(image, draw_image(class_name, seed=4, index=5))
    assert not np.array_equal(image, draw_image(class_name, seed=3, index=6))


def test_images_do_not_depend_on_the_hash_seed_of_python():
    program = (
        "import hashlib; from trash_keras.data.sources.synthetic import CLASS_NAMES, draw_image;"
        "images = [draw_image(name, 0, 1).tobytes() for name in CLASS_NAMES];"
        "print(hashlib.sha256(b''.join(images)).hexdigest())"
    )
    digests = set()
    for hash_seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, "-c", program]
        digests.add(subprocess.check_output(command, env=environment, text=True).strip())
    assert len(digests) == 1
    assert len(digests.pop()) == 64


def test_size_is_width_then_height():
    assert draw_image("glass", 0, 1, size=(40, 64)).shape == (64, 40, 3)


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_every_class_draws_over_many_seeds(class_name):
    for index in range(100):
        assert draw_image(class_name, seed=99, index=index, size=(32, 24)).shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wood", 0, 1), "class_name must be one of .*'wood'"),
        (("glass", -1, 1), "seed and index must be 0 or more"),
        (("glass", 0, -1), "seed and index must be 0 or more"),
        (("glass", 0, 1, (128, 15)), r"size must be at least 16 .*\(128, 15\)"),
    ],
)
def test_draw_image_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_image(*arguments)


def test_write_images_makes_six_folders_of_readable_images(tmp_path):
    data_dir = tmp_path / "missing" / "images"
    counts = write_images(data_dir, images_per_class=3, size=(64, 48))
    assert counts == dict.fromkeys(CLASS_NAMES, 3)
    expected = {f"{name}/{name}{number}.jpg" for name in CLASS_NAMES for number in (1, 2, 3)}
    assert set(files_under(data_dir)) == expected
    assert [path.name for path in data_dir.parent.iterdir()] == ["images"]
    for path in expected:
        with Image.open(data_dir / path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 48))


def test_written_files_are_the_drawn_images(tmp_path):
    write_images(tmp_path / "set", images_per_class=3, seed=7)
    with Image.open(tmp_path / "set" / "metal" / "metal2.jpg") as image:
        written = np.asarray(image).astype(float)
    error = np.abs(written - draw_image("metal", seed=7, index=2)).mean()
    other = np.abs(written - draw_image("metal", seed=7, index=1)).mean()
    assert error < 8 < other


def test_same_seed_gives_identical_bytes_and_another_seed_differs(tmp_path):
    for folder, seed in (("first", 1), ("again", 1), ("other", 2)):
        write_images(tmp_path / folder, images_per_class=3, seed=seed)
    first, other = files_under(tmp_path / "first"), files_under(tmp_path / "other")
    assert first == files_under(tmp_path / "again")
    assert first.keys() == other.keys()
    assert all(first[path] != other[path] for path in first)


def test_an_empty_folder_is_filled(tmp_path):
    data_dir = tmp_path / "empty"
    data_dir.mkdir()
    write_images(data_dir, images_per_class=3, size=(32, 24))
    assert len(files_under(data_dir)) == 18


def test_a_used_folder_is_refused_and_left_untouched(tmp_path):
    data_dir = tmp_path / "used"
    data_dir.mkdir()
    (data_dir / "notes.txt").write_text("keep me")
    with pytest.raises(ValueError, match="not empty; choose another --data_dir"):
        write_images(data_dir, images_per_class=3)
    assert files_under(tmp_path) == {"used/notes.txt": b"keep me"}
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_a_file_in_the_way_is_refused_and_left_untouched(tmp_path):
    (tmp_path / "used").write_text("keep me")
    with pytest.raises(ValueError, match="choose another --data_dir"):
        write_images(tmp_path / "used", images_per_class=3)
    assert files_under(tmp_path) == {"used": b"keep me"}


def test_fewer_than_three_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="images_per_class must be 3 or more, got 2"):
        write_images(tmp_path / "few", images_per_class=2)
    assert not any(tmp_path.iterdir())


def test_failing_half_way_leaves_nothing(tmp_path, monkeypatch):
    folders_seen = []

    def draw_ten(class_name, seed, index, size):
        folders_seen.append([path.name for path in tmp_path.iterdir()])
        if len(folders_seen) > 10:
            raise RuntimeError("the pen broke")
        return draw_image(class_name, seed, index, size)

    monkeypatch.setattr(synthetic, "draw_image", draw_ten)
    with pytest.raises(RuntimeError, match="the pen broke"):
        write_images(tmp_path / "images", images_per_class=3, size=(32, 24))
    # Until the end there is one hidden folder and no sign of the one that was asked for.
    assert len(folders_seen) == 11
    for names in folders_seen:
        assert len(names) == 1
        assert names[0].startswith(".") and names[0].endswith(".tmp")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(C=10, max_iter=500),
        RandomForestClassifier(100, random_state=0),
    ],
    ids=["logistic regression", "random forest"],
)
def test_colour_alone_does_not_tell_the_classes_apart(images, classifier):
    assert histogram_score(images, classifier) < 0.9


def test_the_colour_score_notices_colours_that_give_the_class_away(images):
    tinted = images.copy()
    for label in range(len(CLASS_NAMES)):
        start = label * IMAGES_PER_CLASS
        tinted[start : start + IMAGES_PER_CLASS, :32] = 40 * label
    assert histogram_score(tinted, RandomForestClassifier(100, random_state=0)) > 0.9
