"""After training: how the model is to answer, found on validation and written into its file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax

from trash_keras.config import AnsweringConfig
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.evaluation import answering, novelty
from trash_keras.modeling import answering as modeling
from trash_keras.modeling.classifier import PROBABILITIES
from trash_keras.predictor import Predictor, micro_batched


def settle(
    model: Path,
    settings: AnsweringConfig,
    pictures: Mapping[str, tf.data.Dataset],
    labels: np.ndarray,
    batch_size: int,
) -> Contract:
    """Fits novelty, temperature, threshold and sets, and puts them into the model file.

    What an earlier call wrote is of no account, so a run that was killed at any moment comes to
    the same file.

    Args:
        model: `.keras` file of the raw classifier.
        settings: What to aim at.
        pictures: Split -> dataset of `pipeline.pictures`; all but novelty is fitted on `valid`.
        labels: int [N], true classes of `valid`, in its order.
        batch_size: Pictures per step.

    Returns:
        The contract that is now in the file.
    """
    written = Contract.read(model)
    plain = Contract(written.class_names, written.image_size, written.resize, tta=settings.tta)
    classifier = keras.models.load_model(model, compile=False)
    extractor = modeling.feature_extractor(classifier, settings.tta)
    predictor = Predictor(micro_batched(extractor.predict_on_batch, settings.tta), plain)

    def features(split: str, most: int, title: str) -> np.ndarray:
        chosen = pictures[split].take(most)
        return predictor.predict_batches(
            pipeline.evaluation(chosen, batch_size), len(chosen), title
        )

    valid = features("valid", len(labels), "Calibrating")
    kernel, bias = classifier.get_layer(PROBABILITIES).get_weights()
    logits, known = valid @ kernel + bias, None
    if settings.damp_novelty:
        known = novelty.fit(features("train", novelty.TRAINING_PICTURES, "What is familiar"), valid)
        logits *= known.damping(valid)[:, None]
    answers = softmax(logits, axis=1)
    found = answering.fit(labels, answers, settings.max_error, settings.conformal_error)
    contract = dataclasses.replace(plain, **found)  # type: ignore[arg-type]
    contract.replace_in(model, known.to_bytes() if known else None)
    print(f"Temperature {contract.temperature:.3f}; {_words(contract, settings)}", flush=True)
    return contract


def _words(contract: Contract, settings: AnsweringConfig) -> str:
    if contract.threshold < 1:
        return f"unsure up to a probability of {contract.threshold:.3f}"
    return (
        "always unsure, since even the surest validation answers are wrong more often than "
        f"--max_error={settings.max_error}"
    )
