"""Data augmentation: random backgrounds behind objects that were photographed on plain board.

Colours, gradients, stripes, clouds and grain, or blurred patches of the batch's other images;
all are generated here, so nothing is downloaded.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from trash_keras.data.augmentation import foreground

SCALES = (3, 9, 27)  # cells a side of the grids of random numbers that make clouds
PATCH_SIDE = 24  # pixels; patches of other images are this coarse, or their objects would show
PATCHES = 0.25  # share of new backgrounds that are patches


@keras.saving.register_keras_serializable(package="trash_keras")
class RandomBackground(keras.layers.Layer):
    """Replaces the background of a share of the images, where board can be told from object.

    Light and shadow of the board fall on the new background too, which also carries what shines
    through glass and clear plastic. Images without board stay as they are.
    """

    def __init__(self, share: float, seed: int | None = None, **options: Any) -> None:
        """Makes the layer.

        Args:
            share: Of the images that get another background, 0..1.
            seed: Of the layer's own random numbers; None takes one from Keras.
            options: Of `keras.layers.Layer`. The dtype is float32 if none is given, whatever the
                precision of the run.
        """
        super().__init__(**{"dtype": "float32"} | options)
        self.share = share
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_jit = False  # how many images are chosen is not known beforehand

    def call(self, images: tf.Tensor, training: bool = True) -> tf.Tensor:
        """Changes a batch by numbers of the layer's own counter.

        Args:
            images: uint8 or float [batch, height, width, 3], RGB, 0..255.
            training: False leaves the images as they are.

        Returns:
            float32 [batch, height, width, 3], 0..255.
        """
        images = tf.cast(images, self.compute_dtype)
        if not training:
            return images
        drawn = self.get_random_transformation(images, training, self.generator)
        return self.transform_images(images, drawn, training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"share": self.share, "seed": self.seed}

    def get_random_transformation(
        self, images: tf.Tensor, training: bool, seed: keras.random.SeedGenerator
    ) -> dict[str, tf.Tensor]:
        """Draws all random numbers for a batch.

        Args:
            images: [batch, height, width, 3]
            training: Ignored; Keras' own layers have it.
            seed: Where the numbers come from.

        Returns:
            Name -> float32 [batch, ...], 0..1.
        """
        count = tf.shape(images)[0]

        def draw(*shape: int) -> tf.Tensor:
            return keras.random.uniform((count, *shape), seed=seed)

        grain = (images.shape[1] + 1) // 2, (images.shape[2] + 1) // 2
        return {
            "chosen": draw(),
            "is_patch": draw(),
            "colours": draw(2, 1, 1, 3),
            "vividness": draw(),
            "strengths": draw(len(SCALES) + 3),  # clouds, gradient, stripes, grain
            "waves": draw(4),  # direction, number, start and bend of stripes
            "patches": draw(3),  # place and size
            "partners": draw(),
            **{f"clouds_{side}": draw(side, side, 1) for side in SCALES},
            "grain": draw(*grain, 1),
        }

    def transform_images(
        self, images: tf.Tensor, transformation: dict[str, tf.Tensor], training: bool
    ) -> tf.Tensor:
        """Replaces backgrounds.

        Args:
            images: float32 [batch, height, width, 3], RGB, 0..255.
            transformation: From `get_random_transformation`.
            training: Ignored; Keras' own layers have it.

        Returns:
            float32 [batch, height, width, 3], 0..255.
        """
        chosen = tf.where(transformation["chosen"] < self.share)[:, 0]
        drawn = {name: tf.gather(value, chosen) for name, value in transformation.items()}

        def change() -> tf.Tensor:
            changed = _replace(tf.gather(images, chosen), _backgrounds(images, chosen, drawn))
            return tf.tensor_scatter_nd_update(images, chosen[:, None], changed)

        return tf.cond(tf.size(chosen) > 0, change, lambda: images)


def _replace(images: tf.Tensor, backgrounds: tf.Tensor) -> tf.Tensor:
    """Puts backgrounds of half the size behind the objects of images."""
    half = tf.nn.avg_pool2d(images, 2, 2, "SAME")
    share, board, usable = foreground.segment(half)
    share = tf.where(usable[:, None, None, None], share, 1.0)
    board_light = tf.image.resize(tf.reduce_mean(board, -1, keepdims=True), half.shape[1:3])
    light = tf.reduce_mean(half, -1, keepdims=True) / tf.maximum(board_light, 1.0)
    behind = tf.clip_by_value(backgrounds * tf.clip_by_value(light, 0.25, 1.2), 0.0, 255.0)
    behind, share = (tf.image.resize(part, images.shape[1:3]) for part in (behind, share))
    return behind + share * (images - behind)


def _backgrounds(images: tf.Tensor, chosen: tf.Tensor, drawn: dict[str, tf.Tensor]) -> tf.Tensor:
    """Returns new backgrounds for the chosen images.

    They have half the height and width: that does for backgrounds, and costs a quarter.
    """
    size = drawn["grain"].shape[1:3]
    patches = _patches(images, chosen, drawn, size)
    is_patch = drawn["is_patch"][:, None, None, None] < PATCHES
    strength = drawn["strengths"][:, -1, None, None, None]
    grain = 60 * strength**2 * (drawn["grain"] - 0.5)
    return tf.where(is_patch, patches, _textures(drawn, size)) + grain


def _patches(
    images: tf.Tensor, chosen: tf.Tensor, drawn: dict[str, tf.Tensor], size: tuple[int, int]
) -> tf.Tensor:
    """Returns blurred parts of the batch's images, each of 20 to 60% of the side."""
    count = tf.shape(images)[0]
    steps = 1 + tf.cast(drawn["partners"] * tf.cast(count - 1, tf.float32), tf.int64)
    partners = tf.cast((chosen + steps) % tf.cast(count, tf.int64), tf.int32)
    side = 0.2 + 0.4 * drawn["patches"][:, 2:]
    corner = drawn["patches"][:, :2] * (1 - side)
    boxes = tf.concat([corner, corner + side], -1)
    coarse = tf.image.crop_and_resize(images, boxes, partners, [PATCH_SIDE, PATCH_SIDE])
    return tf.image.resize(coarse, size)


def _textures(drawn: dict[str, tf.Tensor], size: tuple[int, int]) -> tf.Tensor:
    """Returns mixtures of two colours by gradient, clouds and stripes, 0..255."""
    squares = drawn["strengths"] ** 2  # so that plain ones are frequent
    weights = [part[:, None, None, None] for part in tf.unstack(squares, axis=1)]
    clouds = tf.add_n([
        weight * tf.image.resize(drawn[f"clouds_{side}"] - 0.5, size, "bicubic")
        for side, weight in zip(SCALES, weights, strict=False)
    ])  # fmt: skip
    gradient, stripes = weights[len(SCALES) : len(SCALES) + 2]
    direction, number, start, bend = (
        part[:, None, None, None] for part in tf.unstack(drawn["waves"], axis=1)
    )
    angle = 2 * math.pi * direction
    y = tf.linspace(-0.5, 0.5, size[0])[:, None, None]
    x = tf.linspace(-0.5, 0.5, size[1])[:, None]
    along = tf.cos(angle) * x + tf.sin(angle) * y
    waves = tf.sin(2 * math.pi * (32**number * along + start + 2 * bend * clouds))
    mixture = 0.5 + gradient * along + 1.5 * clouds + 0.5 * stripes * waves
    colours = drawn["colours"]
    grey = tf.reduce_mean(colours, -1, keepdims=True)
    vividness = drawn["vividness"][:, None, None, None, None]
    first, second = tf.unstack(255 * (grey + vividness * (colours - grey)), axis=1)
    return first + tf.clip_by_value(mixture, 0.0, 1.0) * (second - first)
