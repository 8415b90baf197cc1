import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.augmentation import IMAGES, check_augmentation
from trash_keras.config import AugmentationConfig
from trash_keras.data.augmentation.affine import RandomAffine
from trash_keras.data.augmentation.backgrounds import RandomBackground
from trash_keras.data.augmentation.layers import apply_layers, build_layers

OFF = {"flip": "none", "rotation": 0.0, "zoom": 0.0, "translation": 0.0, "brightness": 0.0,
       "contrast": 0.0}  # fmt: skip
CHANGES = {"horizontal": {"flip": "horizontal"}, "vertical": {"flip": "vertical"},
           "rotation": {"rotation": 40.0}, "zoom": {"zoom": 0.5},
           "translation": {"translation": 0.4}, "brightness": {"brightness": 0.5},
           "contrast": {"contrast": 0.9}}  # fmt: skip
BATCH = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)


def build(**changes):
    return build_layers(AugmentationConfig(**(OFF | changes)))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_augmentation_depends_on_the_step_alone(change):
    layers = build(**change)
    assert len(layers) == 1
    traced = tf.function(functools.partial(apply_layers, layers, 1))
    first = apply_layers(layers, 1, BATCH, 7)
    np.testing.assert_allclose(first, traced(BATCH, tf.constant(7, tf.int64)), atol=1e-3)
    assert np.abs(first - apply_layers(layers, 1, BATCH, 8)).max() > 1
    assert np.abs(first - BATCH).max() > 1
    assert first.dtype == tf.float32 and np.min(first) >= 0 and np.max(first) <= 255


def test_all_together_are_a_pure_function_of_seed_and_step_in_tf_data_too():
    layers = build_layers(AugmentationConfig())
    augment = functools.partial(apply_layers, layers)
    eager = np.stack([augment(3, BATCH, step) for step in range(12)])
    dataset = tf.data.Dataset.range(12).map(
        lambda step: augment(3, tf.constant(BATCH), step), num_parallel_calls=8
    )
    for _ in range(2):  # the layers keep no count of their calls
        np.testing.assert_allclose(np.stack(list(dataset)), eager, atol=1e-2)
    assert np.abs(augment(4, BATCH, 0) - eager[0]).max() > 1
    np.testing.assert_array_equal(augment(3, BATCH.astype("float32"), 0), eager[0])


def test_images_keep_their_precision_in_runs_of_half_precision():
    settings = AugmentationConfig(background=0.5)
    whole = apply_layers(build_layers(settings), 1, BATCH, 7)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = apply_layers(build_layers(settings), 1, BATCH, 7)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(half, whole)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_image_of_a_batch_gets_its_own_change(change):
    same = np.repeat(BATCH[:1], 16, axis=0)
    changed = apply_layers(build(**change), 0, same, 0).numpy()
    assert len(np.unique(changed, axis=0)) > 1


@pytest.mark.parametrize(("axis", "mirrored"), [("horizontal", np.fliplr), ("vertical", np.flipud)])
def test_a_flip_mirrors_along_its_axis_or_not_at_all(axis, mirrored):
    flipped = apply_layers(build(flip=axis), 0, np.repeat(BATCH[:1], 16, 0), 0).numpy()
    kinds = {image.tobytes() for image in flipped}
    assert kinds == {a.astype("float32").tobytes() for a in (BATCH[0], mirrored(BATCH[0]))}


def test_flips_toss_a_coin_for_each_axis():
    corner = np.zeros((64, 2, 2, 3), np.uint8)
    corner[:, 0, 0] = 200
    flipped = apply_layers(build(flip="horizontal_and_vertical"), 0, corner, 0)
    assert len({tuple(image[..., 0].ravel()) for image in flipped.numpy()}) == 4


def test_brightness_stays_within_its_share_of_the_range():
    grey = np.full((64, 2, 2, 3), 127, np.uint8)
    change = apply_layers(build(brightness=0.1), 0, grey, 0).numpy() - 127
    assert change.min() < -15 and change.max() > 15 and np.abs(change).max() <= 25.5


def test_layers_come_in_a_fixed_order_and_only_with_a_strength():
    assert build() == []
    assert [type(layer) for layer in build_layers(AugmentationConfig())] == [
        RandomAffine, keras.layers.RandomBrightness, keras.layers.RandomContrast,
    ]  # fmt: skip
    background, *_ = build_layers(AugmentationConfig(background=0.5))
    assert isinstance(background, RandomBackground)  # at the image's own rim


def test_without_layers_images_only_become_float():
    unchanged = apply_layers([], 0, BATCH, 0)
    assert unchanged.dtype == tf.float32
    np.testing.assert_array_equal(unchanged, BATCH)


def test_the_whole_augmentation_is_a_layer_like_those_of_keras(tmp_path):
    layers = build_layers(AugmentationConfig(background=0.5))
    check_augmentation(keras.layers.Pipeline(layers), tmp_path)


# Recorded before the layers had calls of their own: green of row 5, columns 0, 13 and 26, of the
# fifth image, and the means of the first two images, for seed 3 and step 7.
RECORDED = {
    "affine": ((90.00, 215.00, 215.00), (185.513, 193.530)),
    "background": ((94.59, 109.61, 90.45), (186.908, 111.481)),
    "whole": ((117.31, 178.64, 36.34), (70.856, 132.776)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_augmented_images_are_the_recorded_ones(name):
    layers = {
        "affine": [RandomAffine(("horizontal",), 30, 0.2, 0.1)],
        "background": [RandomBackground(0.8)],
        "whole": build_layers(AugmentationConfig(background=0.5)),
    }[name]
    changed = apply_layers(layers, 3, IMAGES, 7).numpy()
    pixels, means = RECORDED[name]
    np.testing.assert_allclose(changed[4, 5, ::13, 1], pixels, atol=0.02)
    np.testing.assert_allclose(changed[:2].mean((1, 2, 3)), means, atol=0.002)
