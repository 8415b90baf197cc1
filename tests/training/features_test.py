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


def test_a_log_file_gets_no_moving_bar(extractor, pictures, tmp_path, capsys):
    compute(extractor, pictures, tmp_path)
    assert "\b" not in (shown := capsys.readouterr().out) and "\x1b" not in shown
    assert shown.count("\n") == 1
