"""Outlier exposure: images of none of the classes, which training teaches to be unsure of.

Hendrycks, Mazeika & Dietterich, "Deep Anomaly Detection with Outlier Exposure", ICLR 2019: the loss
of such an image is the cross-entropy to the uniform distribution. Here they are among the examples
of each epoch, each with the weight `--other_weight`, so that their share of the loss is that of
their number.
"""

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from trash_keras.config import Config, DataConfig
from trash_keras.data import outliers, pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import Reader


def find(config: Config, reader: Reader, catalog: Catalog) -> Split | None:
    """Lists the images of `--other_dir`; None without one.

    Args:
        config: The run.
        reader: Where its images are.
        catalog: Which these are.

    Raises:
        ValueError: As `outliers.split` or `outliers.require_others`, or there is a teacher.
    """
    folder, data = config.data.other_dir, config.data
    if not folder:
        return None
    if config.distillation.teacher:
        raise ValueError(
            "--other_dir and --teacher exclude each other: a teacher predicts for images of the "
            "classes alone. Name one of them."
        )
    others = outliers.split(folder, "other_dir", data.max_megapixels)
    outliers.require_others([others], reader, catalog.paths())
    return dataclasses.replace(others, image_size=data.image_size, resize=data.resize)


def images(data: DataConfig, others: Split) -> tf.data.Dataset:
    """Reads the images of `find`; as `run_data.images` it keeps them where they fit.

    Returns:
        The dataset of `pipeline.load_split`; its labels mean nothing.
    """
    megabytes = 3 * len(others.examples()[0]) * others.image_size**2 / 1e6
    cache = bool(data.cache_dir) or megabytes <= data.cache_megabytes
    return pipeline.load_split(others, cache=cache, cache_dir=data.cache_dir)


def mixed(examples: tf.data.Dataset, others: tf.data.Dataset, classes: int) -> tf.data.Dataset:
    """Spreads inputs of other images evenly among examples, with the uniform label.

    Args:
        examples: Of (inputs, one-hot label), of known length.
        others: Of the same inputs, of known length.
        classes: Number of classes, 2 or more.

    Returns:
        Dataset of (inputs, label float32 [classes]), of known length.
    """
    uniform = np.full(classes, 1 / classes, np.float32)
    labelled = others.map(lambda inputs: (inputs, uniform))
    which = _is_other(len(examples), len(others))
    chosen = tf.data.Dataset.choose_from_datasets(
        [examples, labelled], tf.data.Dataset.from_tensor_slices(which.astype(np.int64))
    )
    return chosen.apply(tf.data.experimental.assert_cardinality(len(which)))


def mixed_weights(weights: np.ndarray, others: int) -> np.ndarray:
    """Returns the weights of `mixed` examples: float32 [N], and 1 for each of the others."""
    found = np.ones(len(weights) + others, np.float32)
    found[~_is_other(len(weights), others)] = weights
    return found


def _is_other(examples: int, others: int) -> np.ndarray:
    """Returns which of all are others, bool [examples + others], spread evenly."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in (examples, others)])
    return np.argsort(places, kind="stable") >= examples


def weighted(
    batches: tf.data.Dataset, class_weight: Mapping[int, float] | None, other_weight: float
) -> tf.data.Dataset:
    """Adds the weight of each example to batches of `mixed` examples.

    Keras takes either weights of classes or of examples.

    Args:
        batches: Of (inputs, labels [batch, classes]), one-hot or uniform; or with weights of the
            examples, from `mixed_weights`, which stay.
        class_weight: Label -> weight; None weighs all classes alike.
        other_weight: Of an image with the uniform label.

    Returns:
        Dataset of (inputs, labels, weights float32 [batch]).
    """
    classes = batches.element_spec[1].shape[-1]
    weights = [(class_weight or {}).get(label, 1.0) for label in range(classes)]

    def weigh(
        inputs: tf.Tensor, labels: tf.Tensor, own: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        if own is None:
            own = tf.gather(tf.constant(weights, tf.float32), tf.argmax(labels, axis=1))
        return inputs, labels, tf.where(_has_class(labels), own, other_weight)

    return batches.map(weigh)


class ClassAccuracy(keras.metrics.Mean):
    """Accuracy of the examples that have a class; other images count for nothing."""

    def __init__(self, name: str = "accuracy", **options: str) -> None:
        super().__init__(name=name, **options)

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: labels and predictions, float [batch, classes]; weights are not used."""
        right = tf.argmax(y_true, axis=1) == tf.argmax(y_pred, axis=1)
        known = tf.cast(_has_class(y_true), "float32")
        super().update_state(tf.cast(right, "float32"), sample_weight=known)


def _has_class(labels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(labels, axis=1) > 0.75  # uniform over two classes is 0.5
