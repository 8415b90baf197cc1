"""Data augmentation: the Keras layers that change training images at random.

The layers stay outside the model: inside it, they switch Dropout and BatchNorm to training mode
in exports.
"""

from typing import Any

import keras
import tensorflow as tf

from trash_keras.config import AugmentationConfig
from trash_keras.data.augmentation.affine import RandomAffine
from trash_keras.data.augmentation.backgrounds import RandomBackground


def build_layers(settings: AugmentationConfig) -> list[keras.Layer]:
    """Makes the layers whose strength is not zero, in the order in which they apply.

    All compute in float32, whatever the precision of the run: half precision is too coarse for
    colours.
    """
    layers: list[keras.Layer] = []
    if settings.background:
        # First, since it looks for the background at the image's own rim.
        layers.append(RandomBackground(settings.background))
    flips = "horizontal_vertical_and_diagonal" if settings.flip == "all" else settings.flip
    axes = [axis for axis in ("horizontal", "vertical", "diagonal") if axis in flips]
    strengths = (settings.rotation, settings.zoom, settings.translation)
    if axes or any(strengths) or settings.aspect_ratio > 1:
        layers.append(RandomAffine(axes, *strengths, settings.aspect_ratio))
    if settings.brightness:
        layers.append(keras.layers.RandomBrightness(settings.brightness, dtype="float32"))
    if settings.contrast:
        layers.append(keras.layers.RandomContrast(settings.contrast, dtype="float32"))
    return layers


def apply_layers(
    layers: list[keras.Layer], seed: int, images: tf.Tensor, step: tf.Tensor | int
) -> tf.Tensor:
    """Changes a batch of images at random, as a pure function of seed and step.

    A layer that draws from its own counter gives other images after a restart, or when tf.data
    calls it from several threads; here the training step is the counter.

    Args:
        layers: From `build_layers`.
        seed: Of the run, 0 or more.
        images: uint8 or float [batch, height, width, 3], RGB, 0..255.
        step: Scalar integer, the training step over the whole stage.

    Returns:
        float32 [batch, height, width, 3], 0..255.
    """
    for index, layer in enumerate(layers):
        step_seed = _StepSeed(seed * len(layers) + index, step)
        transformation = layer.get_random_transformation(images, training=True, seed=step_seed)
        transform = _compiled if layer.supports_jit else _transform
        images = transform(layer, images, transformation)
    return tf.cast(images, tf.float32)


def _transform(layer: keras.Layer, images: tf.Tensor, transformation: Any) -> tf.Tensor:
    changed = layer.transform_images(tf.cast(images, tf.float32), transformation, training=True)
    return tf.clip_by_value(changed, 0.0, 255.0)


# Each layer by itself: together, XLA would resample a second time for the mean of the contrast.
# The random numbers are drawn outside, since XLA's own are others.
_compiled = tf.function(_transform, autograph=False, jit_compile=True)


class _StepSeed(keras.random.SeedGenerator):
    """A seed generator whose counter is the training step instead of a variable."""

    def __init__(self, seed: int, step: tf.Tensor | int) -> None:
        # The parent's constructor would make the variable that this class is there to avoid.
        self._seed = seed % 2**32
        self._step = step
        self._draws = 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        self._draws += 1
        # A layer draws a handful of times a step; 64 keeps the draws of all steps apart.
        counter = tf.cast(self._step, tf.int64) * 64 + self._draws
        return tf.stack([tf.constant(self._seed, tf.uint32), tf.cast(counter % 2**32, tf.uint32)])
