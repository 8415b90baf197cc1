"""Random parts of pictures, blown up to the whole."""

import math

import keras
import tensorflow as tf

MOST_STRETCH = 4 / 3  # of width over height, or of height over width


class RandomResizedCrop(keras.layers.Layer):
    """Keeps a random part of each picture and resizes it to the picture's size.

    Area and aspect ratio as Szegedy et al. (2015), Going Deeper with Convolutions, section 6.
    """

    def __init__(self, smallest: float) -> None:
        """Makes the layer.

        Args:
            smallest: Least share of the area that is kept, above 0, at most 1.
        """
        super().__init__(dtype="float32")
        self.smallest = smallest

    def get_random_transformation(
        self, images: tf.Tensor, training: bool, seed: keras.random.SeedGenerator
    ) -> tf.Tensor:
        """Draws the part of each picture.

        Args:
            images: [batch, height, width, 3]
            training: Of no account.
            seed: Where the numbers come from.

        Returns:
            float32 [batch, (top, left, bottom, right)], shares of the side.
        """
        area, stretch, top, left = tf.unstack(
            keras.random.uniform((4, tf.shape(images)[0]), seed=seed)
        )
        side = tf.sqrt(self.smallest + area * (1 - self.smallest))
        stretch = tf.exp((stretch - 0.5) * math.log(MOST_STRETCH))
        height, width = tf.minimum(side * stretch, 1.0), tf.minimum(side / stretch, 1.0)
        top, left = top * (1 - height), left * (1 - width)
        return tf.stack([top, left, top + height, left + width], -1)

    def transform_images(
        self, images: tf.Tensor, transformation: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Crops.

        Args:
            images: float32 [batch, height, width, 3].
            transformation: From `get_random_transformation`.
            training: Of no account.

        Returns:
            float32 [batch, height, width, 3].
        """
        own = tf.range(tf.shape(images)[0])
        cropped = tf.image.crop_and_resize(images, transformation, own, images.shape[1:3])
        return tf.ensure_shape(cropped, images.shape)
