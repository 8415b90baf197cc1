"""A `.keras` file, answered by Keras."""

import numpy as np

from trash_keras.contract import Contract
from trash_keras.modeling import answering
from trash_keras.predictor import PredictBatch, micro_batched
from trash_keras.runtimes import tensorflow_threads


def load(path: str, contract: Contract, threads: int | None = None) -> PredictBatch:
    """Loads a `.keras` file to answer as a contract says that need not be the one inside.

    Args:
        path: The file.
        contract: Temperature and views count, and those are added to what the file holds.
        threads: See `tensorflow_threads.limit`.
    """
    tensorflow_threads.limit(threads)
    model = answering.load(path, contract)
    return micro_batched(lambda images: np.asarray(model.predict_on_batch(images)), contract.tta)
