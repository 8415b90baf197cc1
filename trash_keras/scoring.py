"""A split -> what a predictor answers for each of its pictures."""

import numpy as np
import tensorflow as tf

from trash_keras.data import pipeline
from trash_keras.data.split import Split
from trash_keras.evaluation.predictions import Predictions
from trash_keras.predictor import Predictor


def answers(
    predictor: Predictor,
    split: Split,
    *,
    batch_size: int = 32,
    pictures: tf.data.Dataset | None = None,
    title: str = "",
) -> Predictions:
    """Answers for every picture of a split, each exactly once.

    Args:
        predictor: Of any artefact.
        split: N images; its classes must be the model's, or some of them. They are read in the
            size and with the resize that the model wants.
        batch_size: Images per step.
        pictures: The split as `pipeline.pictures` made it, when it is already cached.
        title: What the progress bar says; empty for the split.

    Raises:
        ValueError: The split has classes that the model does not know.
    """
    known, names = predictor.contract.class_names, split.catalog.class_names
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"The data has classes that the model does not know: {', '.join(unknown)}. "
            f"The model knows: {', '.join(known)}."
        )
    if pictures is None:
        pictures = pipeline.pictures(split.for_model(predictor.contract), cache=False)
    paths, labels = split.examples()
    labels = np.array([known.index(name) for name in names])[labels]
    batches = pipeline.evaluation(pictures, batch_size)
    probabilities = predictor.predict_batches(batches, len(paths), title or f"Scoring {split.name}")
    return Predictions(known, paths, labels, probabilities)
