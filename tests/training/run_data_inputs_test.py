import numpy as np
import pytest
import tensorflow as tf

from trash_keras.data import splits
from trash_keras.data.readers.base import FolderReader
from trash_keras.training import run_data


@pytest.mark.parametrize(("megabytes", "view_size"), [(100, 16), (100, 24), (0, 16), (0, 24)])
def test_views_are_the_training_images_at_their_size(
    data_dir, toy_backbone, configure, megabytes, view_size
):
    catalog = splits.split(data_dir, "stratified")
    config = configure(data_dir, toy_backbone, cache_megabytes=megabytes)
    found = run_data.images(config.data, catalog, FolderReader(data_dir), view_size)
    assert {name: len(dataset) for name, dataset in found.items()} == {
        "train": 24, "valid": 6, "test": 6, "views": 24,
    }  # fmt: skip
    assert found["views"].element_spec[0].shape == (view_size, view_size, 3)
    for (image, label), (view, same) in zip(found["train"], found["views"], strict=True):
        np.testing.assert_array_equal(label, same)
        assert image.shape == (16, 16, 3)
        assert np.argmax(np.mean(image, (0, 1))) == np.argmax(np.mean(view, (0, 1)))


def test_scaling_down_averages_what_it_leaves_out():
    board = tf.tile(tf.constant([[0.0, 200.0], [200.0, 0.0]]), (8, 8))[None, :, :, None]
    change = run_data.resized(lambda images, step: images + step, 4)
    np.testing.assert_allclose(change(board, 5.0), np.full((1, 4, 4, 1), 105), atol=30)
    assert run_data.resized(lambda images, step: images, 16)(board, 0.0) is board
