"""Features for transfer learning: outputs of the frozen backbone, computed once.

With the backbone frozen, an epoch of the head phase would run the whole network over every
image to train one small layer. Running the network once and training the layer on what it
returned gives the same result in a fraction of the time.
"""

import dataclasses
import hashlib
import itertools
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.config import ModelConfig
from trash_keras.data import pipeline
from trash_keras.data.pipeline import Split
from trash_keras.models import classifier, keras_settings
from trash_keras.storage import caches, local
from trash_keras.training import devices


@dataclasses.dataclass(frozen=True)
class Cache:
    """Where features are kept.

    Attributes:
        folder: For `.npy` files.
        memory_megabytes: Features up to this size are held in memory, 10^6 bytes.
    """

    folder: Path
    memory_megabytes: float


BATCHES_AT_ONCE = 16  # a call of `predict` takes a while to start, and images fill memory


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
        extractor: Images [batch, side, side, 3] -> features [batch, channels].
        dataset: From `pipeline.load_split`, N images.
        batch_size: Images per step.
        cache_file: `.npy` file that keeps the result for a resumed run.
        views: 0 takes the images as they are; K takes K augmented views of each.
        augment: Data augmentation, (images, step) -> images; used when `views` is not 0.

    Returns:
        float32 [max(1, views) * N, channels], mapped from the file: view after view, in the order
        of the split.
    """

    def make(temporary: Path) -> None:
        shape = (max(1, views) * len(dataset), extractor.output_shape[-1])
        features = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
        if hasattr(os, "posix_fallocate"):  # or a full disk kills the process by SIGBUS
            with temporary.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
        for view in range(max(1, views)):
            images = pipeline.make_eval_dataset(dataset, batch_size)
            if views and augment:
                images = _augmented(images, augment, view)
            part = features[view * len(dataset) : (view + 1) * len(dataset)]
            fill(part, extractor, images, batch_size, "Computing features")
        features.flush()

    caches.make_once(Path(cache_file), make)
    return np.load(cache_file, mmap_mode="r")


def _augmented(images: tf.data.Dataset, augment: pipeline.Augment, view: int) -> tf.data.Dataset:
    steps = images.enumerate(view * len(images))
    return steps.map(lambda step, batch: augment(batch, step), num_parallel_calls=tf.data.AUTOTUNE)


def fill(
    rows: np.ndarray,
    network: keras.Model,
    batches: tf.data.Dataset,
    batch_size: int,
    description: str,
) -> None:
    """Runs a network over images and keeps its outputs as they come.

    Args:
        rows: float32 [N, channels], written to; outputs after the N-th are dropped.
        network: Images -> [batch, channels].
        batches: Of at least N images, float32 [batch, side, side, 3].
        batch_size: Images per step.
        description: What the progress bar says.
    """
    images, done = batches.as_numpy_iterator(), 0
    with tqdm(total=len(rows), desc=description, unit="image") as progress:
        while group := list(itertools.islice(images, BATCHES_AT_ONCE)):
            outputs = network.predict(np.concatenate(group), batch_size=batch_size, verbose=0)
            count = min(len(outputs), len(rows) - done)
            rows[done : done + count] = outputs[:count]
            done += count
            progress.update(count)


def dataset(features: np.ndarray, memory_megabytes: float) -> tf.data.Dataset:
    """Gives features one by one, from memory if they fit, else from their file.

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


@keras_settings.settled()
def extractor(settings: ModelConfig, image_size: int, seed: int) -> keras.Model:
    """Builds a frozen backbone with scaling and pooling.

    Args:
        settings: Names the backbone and its weights, or the model that they are taken from.
        image_size: Height and width of the images, pixels.
        seed: Decides random weights.

    Returns:
        float32 [batch, image_size, image_size, 3], RGB 0..255 -> float32 [batch, channels].

    Raises:
        ValueError: As `classifier.create`.
    """
    devices.set_seed(seed, deterministic=False)
    return classifier.feature_extractor(classifier.create(settings, ("",), image_size))


@keras_settings.settled()
def of_split(
    extractor: keras.Model, split: Split, batch_size: int, cache_dir: str | os.PathLike
) -> np.ndarray:
    """Computes the features of a split, or reads those of an earlier call.

    Args:
        extractor: From `extractor`; decides the size of the images.
        split: N images, all decodable.
        batch_size: Images per step.
        cache_dir: Folder for a `features-*.npy`. Its name depends on the extractor's weights and
            on `Reader.locations` of the images; such files of other images are removed.

    Returns:
        float32 [N, channels], in the order of `Split.examples`.
    """
    split = dataclasses.replace(split, image_size=extractor.input_shape[1])
    facts = split.reader.locations(split.examples()[0])
    content = hashlib.sha256(json.dumps([facts, split.image_size, split.resize]).encode())
    for weight in extractor.get_weights():
        content.update(np.ascontiguousarray(weight).tobytes())
    cache_file = Path(cache_dir) / f"features-{content.hexdigest()[:16]}.npy"
    for outdated in set(Path(cache_dir).glob("features-*.npy")) - {cache_file}:
        local.remove(outdated)
    images = pipeline.load_split(split, cache=False)
    return compute(extractor, images, batch_size=batch_size, cache_file=cache_file)
