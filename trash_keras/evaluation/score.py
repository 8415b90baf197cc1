"""Inference over a split: what a predictor predicts for each of its images."""

import numpy as np
import tensorflow as tf

from trash_keras.data import pipeline
from trash_keras.data.pipeline import Split
from trash_keras.metrics.predictions import Predictions
from trash_keras.predictor import Predictor


def predict_split(
    predictor: Predictor,
    split: Split,
    *,
    batch_size: int = 32,
    images: tf.data.Dataset | None = None,
    title: str = "",
) -> Predictions:
    """Predicts every image of a split, each exactly once.

    Args:
        predictor: Of any model file.
        split: N images; its classes must be the model's, or some of them. The images are read in
            the size and with the resize of the model.
        batch_size: Images per step.
        images: The split from `pipeline.load_split`, where it is cached already.
        title: What the progress bar says; empty for the name of the split.

    Raises:
        ValueError: The split has classes that the model does not know.
    """
    known, names = predictor.metadata.class_names, split.catalog.class_names
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"The data has classes that the model does not know: {', '.join(unknown)}. "
            f"The model knows: {', '.join(known)}."
        )
    if images is None:
        images = pipeline.load_split(split.for_model(predictor.metadata), cache=False)
    paths, labels = split.examples()
    labels = np.array([known.index(name) for name in names])[labels]
    batches = pipeline.make_eval_dataset(images, batch_size)
    probabilities = predictor.predict_batches(batches, len(paths), title or f"Scoring {split.name}")
    return Predictions(known, paths, labels, probabilities)
