"""A SavedModel folder, run by TensorFlow."""

import os
import sys

import numpy as np
import tensorflow as tf

from trash_keras.metadata import ModelMetadata, newest_version
from trash_keras.models import keras_settings
from trash_keras.predictor import (
    PredictBatch,
    micro_batched,
    require_probabilities,
    require_shapes,
)
from trash_keras.runtimes import keras_file
from trash_keras.scanning import saved_model
from trash_keras.storage.names import printable

_SHOWN = 8  # operations in a message


@keras_settings.settled()
def load(
    path: str, metadata: ModelMetadata, threads: int | None = None, trust_model: bool = False
) -> PredictBatch:
    """Loads a SavedModel folder, see `newest_version`; its `serving_default` predicts.

    Args:
        path: The folder.
        metadata: The number of views and the shapes count: the folder holds the rest.
        threads: See `keras_file.limit_threads`.
        trust_model: Whether it may have operations that do more than compute.

    Raises:
        ValueError: It has some, and is not trusted.
    """
    folder = newest_version(path)
    _require_trust(folder, trust_model)
    keras_file.limit_threads(threads)
    # The loaded object must live as long as its signature, which does not keep it alive.
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures["serving_default"]
    (source,) = signature.structured_input_signature[1].values()
    output = signature.structured_outputs["probabilities"]
    require_shapes(source.shape.as_list(), output.shape.as_list(), metadata)

    def predict_batch(images: np.ndarray) -> np.ndarray:
        serve = loaded.signatures["serving_default"]
        return serve(tf.cast(images, tf.float32))["probabilities"].numpy()

    require_probabilities(predict_batch, metadata)
    return micro_batched(predict_batch, metadata.tta)


def _require_trust(folder: str | os.PathLike, trust_model: bool) -> None:
    """Refuses a SavedModel that does more than compute, or says what, before it is loaded."""
    foreign = [printable(name) for name in saved_model.foreign_operations(folder)]
    if not foreign:
        return
    named = ", ".join(foreign[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
    if not trust_model:
        raise ValueError(
            "a SavedModel is a program, and this one has operations that no classifier of this "
            f"package has: {named}. If you trust who made it with your files, --trust_model "
            "(trust_model=True in Python) runs it"
        )
    print(
        f"warning: {printable(str(folder))} is a program that runs with your rights. Beyond a "
        f"classifier of this package it has the operations {named}",
        file=sys.stderr,
    )
