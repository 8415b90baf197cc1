"""Where in an image the evidence for a class lies: Grad-CAM."""

import keras
import numpy as np
import tensorflow as tf

from trash_keras.models import classifier


class NoHeatMapError(ValueError):
    """A model has no heat maps; the message says why, and what has."""


class GradCam:
    """Heat maps of a classifier, for a whole batch at once.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017, equations 1 and 2, on the feature map that the backbone ends in.

    Args:
        model: From `classifier.build`, in any precision; the maps are computed in float32.

    Raises:
        NoHeatMapError: The backbone ends in no map of places.
    """

    def __init__(self, model: keras.Model) -> None:
        model = classifier.in_float32(model)
        self._pool = model.get_layer(classifier.FEATURES)
        self._dense = model.get_layer(classifier.LOGITS)
        shape = self._pool.input.shape
        if len(shape) != 4 or shape[1] * shape[2] == 1:
            raise NoHeatMapError(
                "A heat map needs a backbone that ends in features [batch, height, width, "
                "channels] of more than one place; keras.applications has them at larger "
                f"--image_size. Received: {tuple(shape)}"
            )
        self._feature_maps = keras.Model(model.input, self._pool.input)

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Explains one class of each image.

        Args:
            images: float32 [batch, side, side, 3], RGB 0..255.
            labels: int [batch], the classes to explain.

        Returns:
            float32 [batch, h, w], the size of the feature map: the evidence for the class,
            relative to the strongest of the image, 0..1; all 0 where none speaks for it.
        """
        maps = tf.convert_to_tensor(self._feature_maps.predict_on_batch(images))
        with tf.GradientTape() as tape:
            tape.watch(maps)
            # The logit, not the probability: that one's gradient vanishes where the model is
            # sure, and falls when another class gains, so it shows the others' evidence too.
            logits = self._pool(maps) @ self._dense.kernel + self._dense.bias
            chosen = tf.gather(logits, labels, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(chosen, maps), axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))
        strongest = tf.reduce_max(heat, axis=(1, 2), keepdims=True)
        return tf.math.divide_no_nan(heat, strongest).numpy()
