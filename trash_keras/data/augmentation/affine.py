"""Data augmentation: flips, rotations, zooms, aspect ratios and translations, in one resampling."""

import math
from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="trash_keras")
class RandomAffine(keras.layers.Layer):
    """Does at once what RandomFlip, RandomRotation, RandomZoom and RandomTranslation do in turn.

    It also turns by quarters and squeezes one axis, as happens to images that are stretched to a
    square from upright or wide frames. Each of those layers but the first resamples the image,
    which takes time and blurs fine texture, by which materials are told apart. What lies outside
    the image is its mirror image, as it is with those layers.
    """

    def __init__(
        self,
        flip: Collection[str],
        rotation: float,
        zoom: float,
        translation: float,
        aspect_ratio: float = 1.0,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        """Makes the layer.

        Args:
            flip: Axes along which a coin is tossed each, of horizontal, vertical and diagonal. All
                three together make every quarter turn and its mirror image.
            rotation: Largest turn either way, degrees, 0..180.
            zoom: Largest zoom in or out, share of the side, 0 to below 1.
            translation: Largest shift along each axis, share of the side, 0..1.
            aspect_ratio: Largest factor by which width or height is squeezed, 1 or more, drawn
                evenly on a logarithmic scale.
            seed: Of the layer's own random numbers; None takes one from Keras.
            options: Of `keras.layers.Layer`. The dtype is float32 if none is given, whatever the
                precision of the run.
        """
        super().__init__(**{"dtype": "float32"} | options)
        self.flip, self.rotation, self.zoom, self.translation = flip, rotation, zoom, translation
        self.aspect_ratio, self.seed = aspect_ratio, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor, training: bool = True) -> tf.Tensor:
        """Changes a batch by numbers of the layer's own counter.

        Args:
            images: uint8 or float [batch, height, width, 3].
            training: False leaves the images as they are.

        Returns:
            float32 [batch, height, width, 3].
        """
        images = tf.cast(images, self.compute_dtype)
        if not training:
            return images
        found = self.get_random_transformation(images, training, self.generator)
        return self.transform_images(images, found, training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = {"flip": list(self.flip), "rotation": self.rotation, "zoom": self.zoom}
        own |= {"translation": self.translation, "aspect_ratio": self.aspect_ratio}
        return super().get_config() | own | {"seed": self.seed}

    def get_random_transformation(
        self, images: tf.Tensor, training: bool, seed: keras.random.SeedGenerator
    ) -> tf.Tensor:
        """Draws what happens to each image.

        Args:
            images: [batch, height, width, 3]
            training: Ignored; Keras' own layers have it.
            seed: Where the numbers come from.

        Returns:
            float32 [batch, 8]: where a pixel of the result comes from, in the form of
            `keras.ops.image.affine_transform`.
        """
        height, width = images.shape[1:3]
        across, down, angle, zoom, right, below, diagonal, squeeze = tf.unstack(
            keras.random.uniform((8, tf.shape(images)[0]), -1, 1, seed=seed)
        )
        mirror_x = tf.where(across < 0 if "horizontal" in self.flip else False, -1.0, 1.0)
        mirror_y = tf.where(down < 0 if "vertical" in self.flip else False, -1.0, 1.0)
        angle, zoom = angle * math.radians(self.rotation), 1 + zoom * self.zoom
        cosine, sine = zoom * tf.cos(angle), zoom * tf.sin(angle)
        x_by_x, x_by_y = mirror_x * cosine, -mirror_x * sine
        y_by_x, y_by_y = mirror_y * sine, mirror_y * cosine
        if "diagonal" in self.flip:
            swapped = diagonal < 0
            x_by_x, x_by_y = tf.where(swapped, x_by_y, x_by_x), tf.where(swapped, x_by_x, x_by_y)
            y_by_x, y_by_y = tf.where(swapped, y_by_y, y_by_x), tf.where(swapped, y_by_x, y_by_y)
        # Last, since frames squeeze what is turned already. The other axis keeps its content.
        wide, tall = (self.aspect_ratio ** tf.nn.relu(part) for part in (squeeze, -squeeze))
        x_by_x, x_by_y, y_by_x, y_by_y = x_by_x * wide, x_by_y * tall, y_by_x * wide, y_by_y * tall
        # Turns about the centre, after the shift.
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        from_x = middle_x + right * self.translation * width
        from_y = middle_y + below * self.translation * height
        x_at_0 = middle_x - x_by_x * from_x - x_by_y * from_y
        y_at_0 = middle_y - y_by_x * from_x - y_by_y * from_y
        none = tf.zeros_like(angle)
        return tf.stack([x_by_x, x_by_y, x_at_0, y_by_x, y_by_y, y_at_0, none, none], -1)

    def transform_images(
        self, images: tf.Tensor, transformation: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Resamples with bilinear interpolation.

        `keras.ops.image.affine_transform` gives the same levels to 0.02 and takes five times as
        long: XLA has no kernel for it, and TensorFlow's computes each value by itself.

        Args:
            images: uint8 or float [batch, height, width, 3].
            transformation: From `get_random_transformation`.
            training: Ignored; Keras' own layers have it.

        Returns:
            float32 [batch, height, width, 3].
        """
        height, width = images.shape[1:3]
        x_by_x, x_by_y, x_at_0, y_by_x, y_by_y, y_at_0 = (
            part[:, None, None] for part in tf.unstack(transformation, axis=1)[:6]
        )
        across = tf.range(width, dtype=tf.float32)
        down = tf.range(height, dtype=tf.float32)[:, None]
        x = _mirrored(x_by_x * across + x_by_y * down + x_at_0, width)
        y = _mirrored(y_by_x * across + y_by_y * down + y_at_0, height)
        left, top = tf.floor(x), tf.floor(y)
        to_right, to_bottom = (x - left)[..., None], (y - top)[..., None]
        pixels = tf.reshape(images, (-1, height * width, 3))
        place = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)

        def at(offset: int) -> tf.Tensor:
            # What lies behind the last row or column has no weight.
            inside = tf.minimum(place + offset, height * width - 1)
            return tf.cast(tf.gather(pixels, inside, batch_dims=1), tf.float32)

        # Each only once: XLA does not notice that two of them are the same.
        upper_left, lower_left = at(0), at(width)
        upper = upper_left + to_right * (at(1) - upper_left)
        lower = lower_left + to_right * (at(width + 1) - lower_left)
        return tf.ensure_shape(upper + to_bottom * (lower - upper), images.shape)


def _mirrored(place: tf.Tensor, side: int) -> tf.Tensor:
    """Brings places on an axis, pixels, into the image 0..side-1 and its mirror images beside."""
    period = 2.0 * side
    place += 0.5
    place -= period * tf.floor(place / period)
    return tf.clip_by_value(side - 0.5 - tf.abs(place - side), 0.0, side - 1.0)
