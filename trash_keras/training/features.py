"""Outputs of the frozen backbone, computed once.

With the backbone frozen, an epoch of the head phase would run the whole network over every
picture to train one small layer. Running the network once and training the layer on what it
returned gives the same result in a fraction of the time.
"""

import itertools
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras import files
from trash_keras.data import pipeline

BATCHES_AT_ONCE = 16  # a call of `predict` takes a while to start, and pictures fill memory


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
        float32 [max(1, views) * N, channels], mapped from the file: view after view, in the order
        of the split.
    """
    if not Path(cache_file).exists():
        shape = (max(1, views) * len(dataset), extractor.output_shape[-1])
        with files.replacing(cache_file) as temporary:
            features = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            for view in range(max(1, views)):
                images = pipeline.evaluation(dataset, batch_size)
                if views and augment:
                    images = _changed(images, augment, view)
                part = features[view * len(dataset) : (view + 1) * len(dataset)]
                _fill(part, extractor, images, batch_size)
            features.flush()
    return np.load(cache_file, mmap_mode="r")


def _changed(images: tf.data.Dataset, augment: pipeline.Augment, view: int) -> tf.data.Dataset:
    steps = images.enumerate(view * len(images))
    return steps.map(lambda step, batch: augment(batch, step), num_parallel_calls=tf.data.AUTOTUNE)


def _fill(
    features: np.ndarray, extractor: keras.Model, images: tf.data.Dataset, batch_size: int
) -> None:
    batches, done = images.as_numpy_iterator(), 0
    with tqdm(total=len(features), desc="Computing features", unit="picture") as progress:
        while group := list(itertools.islice(batches, BATCHES_AT_ONCE)):
            answers = extractor.predict(np.concatenate(group), batch_size=batch_size, verbose=0)
            count = min(len(answers), len(features) - done)
            features[done : done + count] = answers[:count]
            done += count
            progress.update(count)


def dataset(features: np.ndarray, memory_megabytes: float) -> tf.data.Dataset:
    """Gives features one by one, from memory if they fit and else from their file.

    Args:
        features: float32 [N, channels], from `compute`.
        memory_megabytes: What fits, 10^6 bytes.

    Returns:
        Dataset of float32 [channels], of length N.
    """
    if features.nbytes <= memory_megabytes * 1e6:
        return tf.data.Dataset.from_tensor_slices(features)

    def row(index: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(lambda i: features[i], [index], tf.float32, stateful=False)
        return tf.ensure_shape(found, features.shape[1:])

    return tf.data.Dataset.range(len(features)).map(row, num_parallel_calls=tf.data.AUTOTUNE)
