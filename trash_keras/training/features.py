"""Outputs of the frozen backbone, computed once.

With the backbone frozen, an epoch of the head phase would run the whole network over every
picture to train one small layer. Running the network once and training the layer on what it
returned gives the same result in a fraction of the time.
"""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trash_keras import files
from trash_keras.data import pipeline
from trash_keras.training import runtime


def compute(
    extractor: keras.Model,
    dataset: tf.data.Dataset,
    *,
    batch_size: int,
    cache_file: str | os.PathLike,
    views: int = 0,
    augment: pipeline.Augment | None = None,
) -> np.ndarray:
    """Runs the frozen backbone over a split, or reads what an earlier call wrote.

    Args:
        extractor: Pictures [batch, side, side, 3] -> features [batch, channels].
        dataset: From `pipeline.pictures`, N pictures.
        batch_size: Pictures per step.
        cache_file: `.npy` file that keeps the result for a resumed run.
        views: 0 takes the pictures as they are; K takes K augmented views of each.
        augment: Changes (images, step) to images; used when `views` is not 0.

    Returns:
        float32 [max(1, views) * N, channels]: view after view, in the order of the split.
    """
    if Path(cache_file).exists():
        return np.load(cache_file)
    batches = pipeline.evaluation(dataset, batch_size)
    steps = len(batches)
    parts = []
    for view in range(max(1, views)):
        images = batches
        if views and augment:
            images = batches.enumerate(view * steps).map(
                lambda step, batch: augment(batch, step), num_parallel_calls=tf.data.AUTOTUNE
            )
        parts.append(extractor.predict(images, verbose=runtime.progress())[: len(dataset)])
    features = np.concatenate(parts).astype("float32")
    with files.replacing(cache_file) as temporary:
        np.save(temporary, features)
    return features
