"""Outlier exposure with --other_dir."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support import builders
from trash_keras.data.catalog import Catalog
from trash_keras.models import classifier
from trash_keras.training import outlier_exposure
from trash_keras.training.trainer import train_and_evaluate

YELLOW = (250, 250, 0)


@pytest.fixture
def others(tmp_path):
    """A folder of eight images of a colour that is no class, and a text file."""
    folder = tmp_path / "others"
    folder.mkdir()
    for number in range(8):
        shade = np.full((20, 20, 3), YELLOW, np.uint8) - np.uint8([number, number, 0])
        Image.fromarray(shade).save(folder / f"{number}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_other_images_are_spread_evenly_with_the_uniform_label():
    def inputs(values):
        return tf.data.Dataset.from_tensor_slices(np.float32(values))

    one_hot = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]
    examples = tf.data.Dataset.zip(inputs(range(6)), inputs(one_hot))
    found = outlier_exposure.mixed(examples, inputs([-1, -2]), 2)
    assert len(found) == 8
    values, labels = zip(*found.as_numpy_iterator(), strict=True)
    assert [value for value in values if value >= 0] == list(range(6))
    assert [place for place, value in enumerate(values) if value < 0] == [2, 6]
    np.testing.assert_array_equal(labels[2], [0.5, 0.5])


@pytest.mark.parametrize("class_weight", [None, {0: 2.0, 1: 0.5}])
def test_each_image_has_its_weight(class_weight):
    labels = np.float32([[1, 0], [0, 1], [0.5, 0.5]])
    batches = tf.data.Dataset.from_tensors((np.zeros(3), labels))
    ((_, kept, weights),) = outlier_exposure.weighted(batches, class_weight, 0.25)
    np.testing.assert_array_equal(kept, labels)
    assert weights.numpy().tolist() == ([2, 0.5, 0.25] if class_weight else [1, 1, 0.25])


def test_the_accuracy_is_that_of_images_with_a_class():
    metric = outlier_exposure.ClassAccuracy()
    labels = tf.constant([[1.0, 0], [0, 1], [0.5, 0.5], [0.5, 0.5]])
    metric.update_state(labels, tf.constant([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.2, 0.8]]))
    assert metric.name == "accuracy" and metric.result() == 0.5


@pytest.mark.slow
def test_a_run_learns_to_be_unsure_of_other_images(others, tmp_path, toy_backbone):
    data = builders.write_solid(tmp_path / "data")
    image = np.full((1, 16, 16, 3), YELLOW, np.float32)
    sure = {}
    plain = {"head_epochs": 30, "finetune_epochs": 1, "finetune_learning_rate": 1e-4,
             "label_smoothing": 0.0}  # fmt: skip
    exposed = {"other_dir": str(others), "other_weight": 2.0}
    for name, flags in {"with": exposed, "none": {}}.items():
        config = builders.toy_config(data, toy_backbone, **plain, **flags)
        report = train_and_evaluate(config, tmp_path / name)
        raw = classifier.load_classifier(tmp_path / name / "model.keras")
        sure[name] = raw.predict(image, verbose=0).max()
        assert report["run"].get("other_images") == (8 if flags else None)
    assert sure["with"] < sure["none"] - 0.05
    assert report["test"]["accuracy"] > 0.9
    with (tmp_path / "with" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["phase"] for row in rows} == {"head", "finetune"}
    # With the 8 others it could be 24 of 32 at most.
    assert float(rows[-1]["accuracy"]) > 0.8, "of the images with a class"


def test_mistakes_end_before_anything_is_written(others, trained, tmp_path, toy_backbone):
    workdir, data, _ = trained
    path = Catalog.load(workdir / "catalog.json").examples("train")[0][0]

    def refused(reason, **flags):
        config = builders.toy_config(data, toy_backbone, **flags)
        with pytest.raises(ValueError, match=reason):
            train_and_evaluate(config, tmp_path / "run")
        assert not (tmp_path / "run" / "config.json").exists()

    refused(r"--other_dir must be a folder of images\. Received: gone", other_dir="gone")
    (tmp_path / "empty").mkdir()
    refused("has no image that can be decoded, of 0 files", other_dir=str(tmp_path / "empty"))
    teacher = str(workdir / "model.keras")
    refused("--other_dir and --teacher exclude", other_dir=str(others), teacher=teacher)
    (others / "copy.png").write_bytes((data / path).read_bytes())
    refused(f"1 of 9 images .*: copy.png is {path}, byte for byte", other_dir=str(others))


def test_weights_of_sources_stay_with_their_examples():
    own = np.arange(2, 7, dtype=np.float32)
    inputs = tf.data.Dataset.from_tensor_slices((own[:, None], np.eye(5, dtype=np.float32)))
    others = tf.data.Dataset.from_tensor_slices(np.zeros((3, 1), np.float32))
    weights = outlier_exposure.mixed_weights(own, 3)
    examples = outlier_exposure.mixed(inputs, others, 5)
    batches = tf.data.Dataset.zip(examples, tf.data.Dataset.from_tensor_slices(weights))
    batches = batches.map(lambda example, weight: (*example, weight)).batch(8)
    ((found, _, weighed),) = outlier_exposure.weighted(batches, None, 0.5).as_numpy_iterator()
    np.testing.assert_array_equal(weighed, np.where(found[:, 0] == 0, 0.5, found[:, 0]))
