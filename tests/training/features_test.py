import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trash_keras.config import ModelConfig
from trash_keras.data.catalog import scan, single_split
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.training import features

COUNT, BATCH_SIZE = 10, 4


@pytest.fixture
def extractor():
    """The mean of each channel: what went in can be read off what comes out."""
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))


@pytest.fixture
def inputs():
    """Ten images; the whole of image i has the value i."""
    return tf.data.Dataset.range(COUNT).map(
        lambda i: (tf.fill((16, 16, 3), tf.cast(i, tf.uint8)), tf.one_hot(i, COUNT))
    )


def compute(extractor, inputs, folder, **options):
    return features.compute(
        extractor, inputs, batch_size=BATCH_SIZE, cache_file=folder / "f" / "x.npy", **options
    )


def test_features_are_those_of_the_images_in_order(extractor, inputs, tmp_path):
    predictions = compute(extractor, inputs, tmp_path)
    assert predictions.dtype == np.float32
    np.testing.assert_array_equal(predictions, np.repeat(np.arange(COUNT)[:, None], 3, axis=1))


@pytest.mark.parametrize("views", [1, 3])
def test_each_view_has_steps_of_its_own(extractor, inputs, tmp_path, views):
    predictions = compute(
        extractor, inputs, tmp_path, views=views, augment=lambda images, step: images
        + 1000 * tf.cast(step, tf.float32),
    )  # fmt: skip
    assert predictions.shape == (views * COUNT, 3)
    for view, part in enumerate(np.split(predictions[:, 0], views)):
        assert part.tolist() == [
            1000 * (view * 3 + index // BATCH_SIZE) + index for index in range(COUNT)
        ]


def test_without_views_nothing_is_augmented(extractor, inputs, tmp_path):
    predictions = compute(extractor, inputs, tmp_path, augment=lambda images, step: images + 5)
    assert predictions[0, 0] == 0


def test_a_second_call_reads_the_file(extractor, inputs, tmp_path):
    first = compute(extractor, inputs, tmp_path)
    np.testing.assert_array_equal(compute(None, None, tmp_path), first)
    assert [path.name for path in (tmp_path / "f").glob("[!.]*")] == ["x.npy"]


def test_the_file_is_float32_under_mixed_precision_too(inputs, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image = keras.Input((16, 16, 3))
        extractor = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    finally:
        keras.config.set_dtype_policy("float32")
    assert extractor.compute_dtype == "bfloat16"
    assert compute(extractor, inputs, tmp_path).dtype == np.float32


@pytest.mark.parametrize("megabytes", [0, 1])
def test_features_come_one_by_one_from_memory_or_file(extractor, inputs, tmp_path, megabytes):
    predictions = compute(extractor, inputs, tmp_path)
    rows = features.dataset(predictions, megabytes)
    assert rows.element_spec == tf.TensorSpec((3,), tf.float32) and len(rows) == COUNT
    np.testing.assert_array_equal(list(rows.as_numpy_iterator()), predictions)


def test_groups_of_batches_leave_nothing_out(extractor, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "BATCHES_AT_ONCE", 2)
    predictions = compute(extractor, inputs, tmp_path)
    np.testing.assert_array_equal(predictions[:, 0], np.arange(COUNT))


@pytest.fixture(scope="module")
def frozen(toy_backbone):
    return features.extractor(ModelConfig(str(toy_backbone)), 16, seed=0)


def computed(extractor, data_dir, cache_dir):
    reader = FolderReader(data_dir)
    split = Split(single_split(reader.files_by_class()), "all", reader, 16, "stretch")
    return features.of_split(extractor, split, 8, cache_dir)


def test_rows_follow_the_catalog(frozen, data_dir, tmp_path):
    found = computed(frozen, data_dir, tmp_path)
    paths, _ = single_split(scan(data_dir)).examples("all")
    assert found.shape == (len(paths), 12) and found.dtype == np.float32
    for row in (0, 17, len(paths) - 1):
        original = Image.open(data_dir / paths[row])
        pixels = np.asarray(original.resize((16, 16), Image.Resampling.BILINEAR), np.float32)
        np.testing.assert_allclose(frozen(pixels[None])[0], found[row], atol=0.05)


def test_a_second_call_reads_what_the_first_wrote(frozen, data_dir, tmp_path, monkeypatch):
    found = computed(frozen, data_dir, tmp_path)
    monkeypatch.setattr(type(frozen), "predict", lambda *a, **k: pytest.fail("computed again"))
    np.testing.assert_array_equal(computed(frozen, data_dir, tmp_path), found)


def test_a_changed_image_is_computed_anew_and_the_old_cache_goes(frozen, data_dir, tmp_path):
    paths, _ = single_split(scan(data_dir)).examples("all")
    before = computed(frozen, data_dir, tmp_path)
    changed = data_dir / paths[5]
    Image.new("RGB", (24, 20), (255, 255, 255)).save(changed)
    os.utime(changed, (1, 1))
    after = computed(frozen, data_dir, tmp_path)
    differs = np.abs(after - before).max(axis=1) > 1e-4
    assert list(np.flatnonzero(differs)) == [5]
    assert len(list(tmp_path.glob("features-*.npy"))) == 1


def test_other_weights_do_not_share_a_cache(frozen, toy_backbone, data_dir, tmp_path):
    before = computed(frozen, data_dir, tmp_path)
    other = features.extractor(ModelConfig(str(toy_backbone), "none"), 16, seed=0)
    again = features.extractor(ModelConfig(str(toy_backbone), "none"), 16, seed=0)
    drawn = computed(other, data_dir, tmp_path)
    assert np.abs(drawn - before).max() > 1e-3
    np.testing.assert_array_equal(drawn, computed(again, data_dir, tmp_path))
