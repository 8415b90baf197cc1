"""What answers a batch of pictures, and in how many steps."""

from collections.abc import Callable

import numpy as np

# float32 or uint8 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes], probabilities.
PredictBatch = Callable[[np.ndarray], np.ndarray]


def in_steps(predict_batch: PredictBatch, views: int) -> PredictBatch:
    """Gives fewer pictures at once to a model with several views, which takes as much memory."""

    def predict(images: np.ndarray) -> np.ndarray:
        size = max(1, len(images) // views)
        steps = range(0, len(images), size)
        return np.concatenate([predict_batch(images[start : start + size]) for start in steps])

    return predict
