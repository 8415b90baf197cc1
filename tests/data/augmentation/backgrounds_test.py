import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.augmentation import check_augmentation
from trash_keras.config import AugmentationConfig
from trash_keras.data.augmentation.backgrounds import RandomBackground
from trash_keras.data.augmentation.layers import apply_layers, build_layers

SIDE = 48


def drawn(count, colour=(60, 20, 120)):
    """Squares on board; each image's has another shade."""
    images = np.full((count, SIDE, SIDE, 3), 215, np.uint8)
    for number, image in enumerate(images):
        image[14:34, 14:34] = np.add(colour, number % 7)
    return images


def replaced(images, share=1.0, seed=0, step=0):
    return apply_layers([RandomBackground(share)], seed, images, step).numpy()


def test_the_board_changes_and_the_object_stays():
    images = drawn(16)
    changed = replaced(images)
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 255
    np.testing.assert_allclose(changed[:, 18:30, 18:30], images[:, 18:30, 18:30], atol=1)
    rim = changed[:, :8].astype(float) - 215
    assert (np.abs(rim).mean((1, 2, 3)) > 5).mean() > 0.9
    assert len(np.unique(np.round(changed[:, 0, 0]), axis=0)) > 8  # each has its own


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_only_the_share_is_changed(share):
    images = drawn(200)
    changed = np.abs(replaced(images, share) - images).max((1, 2, 3)) > 1
    assert changed.mean() == pytest.approx(share, abs=0.1)


def test_it_depends_on_seed_and_step_alone():
    images = drawn(8)
    layers = build_layers(AugmentationConfig(flip="none", background=0.5))
    augment = functools.partial(apply_layers, layers)
    eager = np.stack([augment(3, images, step) for step in range(6)])
    dataset = tf.data.Dataset.range(6).map(
        lambda step: augment(3, tf.constant(images), step), num_parallel_calls=4
    )
    assert dataset.element_spec.shape == images.shape
    np.testing.assert_allclose(np.stack(list(dataset)), eager, atol=0.1)
    assert np.abs(augment(4, images, 0) - eager[0]).max() > 1


def test_images_that_their_object_fills_stay_as_they_are():
    noise = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    cardboard = np.full((4, SIDE, SIDE, 3), [190, 140, 90], np.uint8)
    for images in (noise, cardboard):
        np.testing.assert_allclose(replaced(images), images, atol=1e-3)


def test_shadows_fall_on_the_new_background():
    images = tf.image.resize(drawn(16), [96, 96], "nearest").numpy()
    y, x = np.mgrid[:96, :96]
    soft = np.exp(-((y - 82) ** 2 + (x - 48) ** 2) / (2 * 13**2))
    shaded = images * (1 - 0.3 * soft[..., None])
    ratio = replaced(shaded)[:, 82, 48].mean() / replaced(images)[:, 82, 48].mean()
    assert 0.65 < ratio < 0.9


@pytest.mark.parametrize("count", [1, 3])
def test_small_and_odd_images_and_batches_of_one(count):
    images = drawn(count)[:, 10:41, 10:41]
    assert replaced(images).shape == (count, 31, 31, 3)


def test_it_is_a_layer_like_those_of_keras(tmp_path):
    check_augmentation(RandomBackground(0.8, name="background"), tmp_path)


def test_the_seed_of_a_layer_decides_what_it_draws():
    images = drawn(8)
    first, same, other = (
        RandomBackground(1.0, seed=seed)(images, training=True).numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1
