import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.training import features

COUNT, BATCH_SIZE = 10, 4


@pytest.fixture
def extractor():
    """The mean of each channel: what went in can be read off what comes out."""
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))


@pytest.fixture
def pictures():
    """Ten pictures; the whole of picture i has the value i."""
    return tf.data.Dataset.range(COUNT).map(
        lambda i: (tf.fill((16, 16, 3), tf.cast(i, tf.uint8)), tf.one_hot(i, COUNT))
    )


def compute(extractor, pictures, folder, **options):
    return features.compute(
        extractor, pictures, batch_size=BATCH_SIZE, cache_file=folder / "f" / "x.npy", **options
    )


def test_features_are_those_of_the_pictures_in_order(extractor, pictures, tmp_path):
    answers = compute(extractor, pictures, tmp_path)
    assert answers.dtype == np.float32
    np.testing.assert_array_equal(answers, np.repeat(np.arange(COUNT)[:, None], 3, axis=1))


@pytest.mark.parametrize("views", [1, 3])
def test_each_view_has_steps_of_its_own(extractor, pictures, tmp_path, views):
    answers = compute(
        extractor, pictures, tmp_path, views=views, augment=lambda images, step: images
        + 1000 * tf.cast(step, tf.float32),
    )  # fmt: skip
    assert answers.shape == (views * COUNT, 3)
    for view, part in enumerate(np.split(answers[:, 0], views)):
        assert part.tolist() == [
            1000 * (view * 3 + index // BATCH_SIZE) + index for index in range(COUNT)
        ]


def test_without_views_nothing_is_augmented(extractor, pictures, tmp_path):
    answers = compute(extractor, pictures, tmp_path, augment=lambda images, step: images + 5)
    assert answers[0, 0] == 0


def test_a_second_call_reads_the_file(extractor, pictures, tmp_path):
    first = compute(extractor, pictures, tmp_path)
    np.testing.assert_array_equal(compute(None, None, tmp_path), first)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["x.npy"]


def test_the_file_is_float32_under_mixed_precision_too(pictures, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((16, 16, 3))
        extractor = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    assert extractor.compute_dtype == "bfloat16"
    assert compute(extractor, pictures, tmp_path).dtype == np.float32


@pytest.mark.parametrize("megabytes", [0, 1])
def test_features_come_one_by_one_from_memory_or_file(extractor, pictures, tmp_path, megabytes):
    answers = compute(extractor, pictures, tmp_path)
    rows = features.dataset(answers, megabytes)
    assert rows.element_spec == tf.TensorSpec((3,), tf.float32) and len(rows) == COUNT
    np.testing.assert_array_equal(list(rows.as_numpy_iterator()), answers)


def test_groups_of_batches_leave_nothing_out(extractor, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "BATCHES_AT_ONCE", 2)
    answers = compute(extractor, pictures, tmp_path)
    np.testing.assert_array_equal(answers[:, 0], np.arange(COUNT))
