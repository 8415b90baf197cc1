"""After training: how the model is to answer, found on validation and written into its file."""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from trash_keras import prediction
from trash_keras.config import AnsweringConfig
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.evaluation import answering
from trash_keras.prediction import Predictor


def settle(
    model: Path,
    settings: AnsweringConfig,
    pictures: tf.data.Dataset,
    labels: np.ndarray,
    batch_size: int,
) -> Contract:
    """Fits temperature, threshold and sets, and replaces the contract in the model file.

    What an earlier call wrote is of no account, so a run that was killed at any moment comes to
    the same file.

    Args:
        model: `.keras` file of the raw classifier.
        settings: What to aim at.
        pictures: The validation split, from `pipeline.pictures`.
        labels: int [N], its true classes, in its order.
        batch_size: Pictures per step.

    Returns:
        The contract that is now in the file.
    """
    written = Contract.read(model)
    plain = Contract(written.class_names, written.image_size, written.resize, tta=settings.tta)
    predictor = Predictor(prediction.load_keras(str(model), plain), plain)
    batches = pipeline.evaluation(pictures, batch_size)
    answers = predictor.predict(batches, len(labels), "Calibrating")
    found = answering.fit(labels, answers, settings.max_error, settings.conformal_error)
    contract = dataclasses.replace(plain, **found)  # type: ignore[arg-type]
    contract.replace(model)
    print(
        f"Temperature {contract.temperature:.3f}; unsure up to a probability of "
        f"{contract.threshold:.3f}",
        flush=True,
    )
    return contract
