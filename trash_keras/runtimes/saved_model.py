"""A SavedModel folder, run by TensorFlow."""

import numpy as np
import tensorflow as tf

from trash_keras.metadata import ModelMetadata, newest_version
from trash_keras.models import keras_settings
from trash_keras.predictor import PredictBatch, micro_batched, require_shapes
from trash_keras.runtimes import keras_file


@keras_settings.settled()
def load(path: str, metadata: ModelMetadata, threads: int | None = None) -> PredictBatch:
    """Loads a SavedModel folder, see `newest_version`; its `serving_default` predicts.

    Args:
        path: The folder.
        metadata: The number of views and the shapes count: the folder holds the rest.
        threads: See `keras_file.limit_threads`.
    """
    keras_file.limit_threads(threads)
    # The loaded object must live as long as its signature, which does not keep it alive.
    loaded = tf.saved_model.load(newest_version(path))
    signature = loaded.signatures["serving_default"]
    (source,) = signature.structured_input_signature[1].values()
    output = signature.structured_outputs["probabilities"]
    require_shapes(source.shape.as_list(), output.shape.as_list(), metadata)

    def predict_batch(images: np.ndarray) -> np.ndarray:
        serve = loaded.signatures["serving_default"]
        return serve(tf.cast(images, tf.float32))["probabilities"].numpy()

    return micro_batched(predict_batch, metadata.tta)
