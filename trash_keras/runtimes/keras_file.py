"""A `.keras` file, answered by Keras."""

import numpy as np

from trash_keras.contract import Contract
from trash_keras.runtimes.steps import PredictBatch, in_steps


def load(path: str, contract: Contract) -> PredictBatch:
    """Loads a `.keras` file to answer as a contract says that need not be the one inside."""
    from trash_keras.modeling import answering

    model = answering.load(path, contract)
    return in_steps(lambda images: np.asarray(model.predict_on_batch(images)), contract.tta)
