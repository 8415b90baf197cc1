"""The input pipeline: a `Split` -> tf.data.Dataset for training or evaluation; class weights.

Images are decoded and resized once and cached as uint8. Everything random is a function of the
seed and the epoch or step, so that a resumed run sees what an uninterrupted one would have seen.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.config import DataConfig
from trash_keras.data import decoding, formats
from trash_keras.data.catalog import Catalog
from trash_keras.data.decoded import DecodedImages
from trash_keras.data.readers.base import Reader, calls_at_once, to_read
from trash_keras.metadata import ModelMetadata
from trash_keras.storage import caches

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (inputs [batch, ...], step) -> inputs

# Rewriting what has no branches for TensorFlow takes half a second of each start.
_plain = tf.autograph.experimental.do_not_convert

# Examples held for shuffling at once; `Catalog.examples` has mixed the classes of larger splits.
SHUFFLE_BUFFER = 4096
# Images per step that need not be there: up to so many, a batch is filled up.
LARGE_BATCH = 1024


@dataclasses.dataclass(frozen=True)
class Split:
    """A split of the data: which images, where they are, and the form in which a model gets them.

    Attributes:
        catalog: Which images there are.
        name: The split of the catalog: train, valid, test or all.
        reader: Where the images are.
        image_size: Height and width of the square images, pixels.
        resize: How they are made square: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.
        decoded: Images that need not be read any more.
    """

    catalog: Catalog
    name: str
    reader: Reader
    image_size: int = DataConfig.image_size
    resize: str = DataConfig.resize
    max_megapixels: float = decoding.MAX_MEGAPIXELS
    decoded: DecodedImages | None = None

    def examples(self) -> tuple[list[str], np.ndarray]:
        """Returns paths and labels (int32 [N]), see `Catalog.examples`."""
        return self.catalog.examples(self.name)

    def for_model(self, metadata: ModelMetadata) -> "Split":
        """Returns the same images in the size and with the resize of a model."""
        return dataclasses.replace(self, image_size=metadata.image_size, resize=metadata.resize)


@contextlib.contextmanager
def naming_images() -> Iterator[None]:
    """Makes of TensorFlow's error for an image that is gone, or has changed, one that says so.

    Raises:
        ValueError: An image could be decoded, and no longer can.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(r"UndecodableError: (.*)", error.message)
        if not found:
            raise
        raise ValueError(
            f"An image is gone or damaged: {found[1]}. It was fine when the data was looked "
            "through. Put it back, and start the same command again."
        ) from None


def load_split(
    split: Split,
    *,
    cache: bool = True,
    cache_dir: str | os.PathLike = "",
    ordered: bool = True,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Reads a split: decoded and resized, in the order of `Split.examples`.

    Args:
        split: N images.
        cache: False for a split that is read once, or is too large.
        cache_dir: Folder for a file cache; empty caches in memory.
        ordered: False gives the images, each with its label, as they arrive.
        change: Of a decoded image, uint8 [height, width, 3] to the same of any size, before it is
            made square. Not for a file cache.

    Returns:
        Dataset of (image uint8 [image_size, image_size, 3], label one-hot float32 [classes]).
    """
    paths, labels = split.examples()
    class_count = len(split.catalog.class_names)
    label_of = tf.constant(labels)
    side, resize = split.image_size, split.resize

    def load(position: np.int64, encoded: bytes) -> np.ndarray:
        if split.decoded is not None and change is None:
            image = split.decoded.take(paths[position], side, resize)
            if image is not None:
                return image
        try:
            content = encoded or split.reader.read(paths[position])
            if change is None:
                return decoding.load(content, side, resize, split.max_megapixels)
            changed = change(decoding.decode(content, split.max_megapixels))
            return decoding.resize_to_square(changed, side, resize)
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise formats.UndecodableError(f"{paths[position]}: {why}") from error
        except formats.UndecodableError as error:
            raise formats.UndecodableError(f"{paths[position]}: {error}") from error

    @_plain
    def read(position: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Said to have no state, or deterministic runs would decode one image after the other.
        image = tf.numpy_function(load, [position, encoded], tf.uint8, stateful=False)
        image.set_shape((side, side, 3))
        return image, tf.one_hot(label_of[position], class_count)

    on_disk = cache and bool(cache_dir)
    ordered = ordered or on_disk
    dataset = to_read(split.reader, paths, ordered)
    dataset = dataset.map(read, num_parallel_calls=calls_at_once(), deterministic=ordered)
    if not on_disk:
        return dataset.cache() if cache else dataset
    return _on_disk(split, dataset, cache_dir).map(
        lambda index, image: (image, tf.one_hot(label_of[index], class_count))
    )


def _on_disk(
    split: Split, dataset: tf.data.Dataset, cache_dir: str | os.PathLike
) -> tf.data.Dataset:
    """Returns (index int64, image) of a split from its cache file, which is made if need be."""
    paths, side, resize = split.examples()[0], split.image_size, split.resize
    file = _cache_file(cache_dir, split.reader.locations(paths), side, resize)
    shape = (len(paths), side, side, 3)
    caches.make_once(file, lambda temporary: _write_images(temporary, dataset, shape))
    if split.decoded is not None:  # they are in the file, which may have been there already
        for path in paths:
            split.decoded.take(path, side, resize)
    return _read_images(file)


def _cache_file(
    cache_dir: str | os.PathLike, locations: Sequence[str], image_size: int, resize: str
) -> Path:
    # The name depends on all that decides the content, so that a cache is never read for other
    # images.
    content = json.dumps([locations, image_size, resize])
    return Path(cache_dir) / f"images-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"


def _write_images(file: Path, dataset: tf.data.Dataset, shape: tuple[int, ...]) -> None:
    """Writes the images of a dataset, uint8 of that shape together, one after the other.

    TensorFlow's own file cache is filled while it is read: a process that is killed leaves a half
    one with a lock that stops the next, and two processes cannot share it.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        images = tqdm(dataset.as_numpy_iterator(), "Decoding images", shape[0], unit="image")
        opened.writelines(image.tobytes() for image, _ in images)


def _read_images(file: Path) -> tf.data.Dataset:
    """Returns a dataset of (index int64, image uint8 [side, side, 3]) from a cache file."""
    images = np.load(file, mmap_mode="r")

    def row(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.numpy_function(images.__getitem__, [index], tf.uint8, stateful=False)
        return index, tf.ensure_shape(image, images.shape[1:])

    return tf.data.Dataset.range(len(images)).map(row, num_parallel_calls=tf.data.AUTOTUNE)


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Returns the number of training steps in which each image is seen at least once."""
    return math.ceil(examples / batch_size)


def make_train_dataset(
    dataset: tf.data.Dataset,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    last_epoch: int,
    augment: Augment | None = None,
) -> tf.data.Dataset:
    """Shuffles, batches and augments a split for the epochs first_epoch..last_epoch-1.

    Every batch is full: the last one of an epoch is filled with the first images of that
    epoch's order. So all shapes are static (TPUs need that) and no step has a noisier gradient.

    Args:
        dataset: Of (inputs, one-hot label), of known length: from `load_split`, or features; a
            weight may come third.
        batch_size: Examples per step.
        seed: Of the run, 0 or more.
        first_epoch: The epoch to start at; a resumed run starts later and sees the same.
        last_epoch: The epoch to stop before.
        augment: Changes (inputs [batch, ...], step) to float32 inputs; None leaves the values.

    Returns:
        Dataset of (inputs float32 [batch, ...], labels float32 [batch, classes]), and weights
        float32 [batch] where the examples have some; `steps_per_epoch` elements an epoch.
    """
    examples = len(dataset)
    steps = steps_per_epoch(examples, batch_size)

    @_plain
    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = dataset.shuffle(
            min(examples, SHUFFLE_BUFFER),
            seed=seed * 1_000_003 + epoch,
            reshuffle_each_iteration=False,
        )
        return order.repeat().take(steps * batch_size)

    @_plain
    def finish(step: tf.Tensor, batch: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        inputs, *rest = batch
        return (augment(inputs, step) if augment else tf.cast(inputs, tf.float32)), *rest

    epochs = tf.data.Dataset.range(first_epoch, last_epoch).flat_map(one_epoch)
    batches = epochs.batch(batch_size, drop_remainder=True).enumerate(first_epoch * steps)
    batches = batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE)
    return _shared_by_batch(batches.prefetch(tf.data.AUTOTUNE))


def make_eval_dataset(dataset: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batches a split for scoring: fixed order, nothing augmented, static shapes.

    The last batch is filled up with black images. The caller drops their predictions: the first N
    rows are those of the N images.

    Args:
        dataset: From `load_split`.
        batch_size: Images per step; no more than there are, above `LARGE_BATCH`.

    Returns:
        Dataset of images float32 [batch, side, side, 3], 0..255.
    """
    batch_size = min(batch_size, max(len(dataset), LARGE_BATCH))
    images = dataset.map(lambda image, label: image, num_parallel_calls=tf.data.AUTOTUNE)
    blanks = tf.data.Dataset.from_tensors(tf.zeros(images.element_spec.shape, tf.uint8)).repeat(
        -len(dataset) % batch_size
    )
    batches = images.concatenate(blanks).batch(batch_size, drop_remainder=True)
    batches = batches.map(lambda image: tf.cast(image, tf.float32))
    return _shared_by_batch(batches.prefetch(tf.data.AUTOTUNE))


def _shared_by_batch(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Lets each of several workers take its part of every batch, and not files of its own."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)


def class_weights(train_counts: dict[str, int]) -> dict[int, float]:
    """Weighs each class by the inverse of its share: total / (classes * count).

    This is the `balanced` rule of scikit-learn (King & Zeng, 2001).

    Args:
        train_counts: Class name -> images in the training split, in label order.

    Returns:
        Label -> weight, for `keras.Model.fit(class_weight=...)`. The weights of all training
        images average to 1, so the learning rate keeps its meaning.
    """
    total, occurring = sum(train_counts.values()), sum(map(bool, train_counts.values()))
    return {
        label: total / (occurring * count)
        for label, count in enumerate(train_counts.values())
        if count
    }


def example_weights(
    catalog: Catalog, class_weight: Mapping[int, float] | None, method: str, split: str = "train"
) -> np.ndarray:
    """Weighs the training images of several sources, so that small ones are not drowned.

    Within each class the sources share its weight: as they share its images (`none`), by the square
    roots of their numbers of images (`sqrt`), or alike (`balanced`). The weight of each class stays
    what it was, so that no source brings its mixture of classes with it. Square roots are the usual
    middle: between the extremes a few images neither vanish nor are learned by heart (Mahajan et
    al., "Exploring the Limits of Weakly Supervised Pretraining", ECCV 2018, for labels).

    Args:
        catalog: Of several sources.
        class_weight: Label -> weight, from `class_weights`; None weighs all alike.
        method: none, sqrt or balanced.
        split: Of these images.

    Returns:
        float32 [N], in the order of `Catalog.examples` of the split; the mean is that of the class
        weights, 1.
    """
    paths, labels = catalog.examples(split)
    strata = catalog.strata(split)
    stratum_of = {path: name for name, members in strata.items() for path in members}
    power = {"none": 1.0, "sqrt": 0.5, "balanced": 0.0}[method]
    shares = {name: len(members) ** power for name, members in strata.items()}
    total = dict.fromkeys(catalog.class_names, 0.0)  # of the shares of a class
    for name, share in shares.items():
        total[name.partition("/")[2]] += share
    counts = catalog.counts()[split]
    weights = []
    for path, label in zip(paths, labels.tolist(), strict=True):
        stratum, name = stratum_of[path], catalog.class_names[label]
        of_class = counts[name] * (class_weight[label] if class_weight else 1.0)
        weights.append(of_class * shares[stratum] / total[name] / len(strata[stratum]))
    return np.array(weights, np.float32)
