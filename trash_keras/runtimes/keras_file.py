"""A `.keras` file, run by Keras with TensorFlow; the limit on TensorFlow's threads."""

import keras
import numpy as np

from trash_keras.metadata import ModelMetadata
from trash_keras.models import classifier, folding, inference, keras_settings
from trash_keras.predictor import (
    PredictBatch,
    micro_batched,
    require_probabilities,
    require_shapes,
)


def limit_threads(threads: int | None) -> None:
    """Limits the threads of an operation, and the operations at once.

    Args:
        threads: 1 or more; None leaves the choice to TensorFlow, which takes all cores.

    Raises:
        RuntimeError: TensorFlow has started, with another number.
    """
    if threads is not None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


@keras_settings.settled()
def load(path: str, metadata: ModelMetadata, threads: int | None = None) -> PredictBatch:
    """Loads the inference model of a `.keras` file.

    Args:
        path: The file.
        metadata: Its number of views may differ from the one in the file; the rest is ignored,
            since the file holds it.
        threads: See `limit_threads`.
    """
    limit_threads(threads)
    model = inference.load(path)
    require_shapes(model.input_shape, model.output_shape, metadata)
    # As plain calls: a graph for one image would be another one to trace.
    require_probabilities(lambda images: np.asarray(model(images, training=False)), metadata)
    if metadata.tta != ModelMetadata.read(path).tta:
        model = inference.with_views(model, metadata.tta)
    return predict_batch(model, metadata.tta)


@keras_settings.settled()
def load_features(path: str, metadata: ModelMetadata) -> PredictBatch:
    """Loads what computes the features by which the model of a `.keras` file classifies.

    Args:
        path: The file.
        metadata: Its views are averaged.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, channels], pooled.
    """
    model = inference.feature_extractor(classifier.load_classifier(path), metadata.tta)
    return predict_batch(model, metadata.tta)


def predict_batch(model: keras.Model, views: int) -> PredictBatch:
    """Makes a function of batches of a loaded model.

    Args:
        model: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, outputs].
        views: Of test-time augmentation in it; it takes as many times the memory.
    """
    model = folding.for_inference(model)

    @keras_settings.settled()
    def predict(images: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(images))

    return micro_batched(predict, views)
