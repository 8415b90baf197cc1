"""A `.keras` file, run by Keras."""

import keras
import numpy as np

from trash_keras.contract import Contract
from trash_keras.modeling import answering
from trash_keras.predictor import PredictBatch, micro_batched
from trash_keras.runtimes import tensorflow_threads


def load(path: str, contract: Contract, threads: int | None = None) -> PredictBatch:
    """Loads the inference model of a `.keras` file.

    Args:
        path: The file.
        contract: Its number of views may differ from the one in the file; the rest counts there.
        threads: See `tensorflow_threads.limit`.
    """
    tensorflow_threads.limit(threads)
    model = answering.load(path)
    if contract.tta != Contract.read(path).tta:
        model = answering.with_views(model, contract.tta)
    return predict_batch(model, contract.tta)


def predict_batch(model: keras.Model, views: int) -> PredictBatch:
    """Makes a model that was loaded already a function of batches.

    Args:
        model: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, outputs].
        views: Of test-time augmentation in it; as many times the memory.
    """
    return micro_batched(lambda images: np.asarray(model.predict_on_batch(images)), views)
