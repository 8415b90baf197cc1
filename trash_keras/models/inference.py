"""Classifier -> the inference model: test-time augmentation, OOD scaling, temperature, softmax.

This is what `model.keras` holds from the first epoch on. It is built only of Keras' own layers and
operations: `keras.models.load_model("model.keras").predict(x)` needs nothing of this package.
SavedModel, TFLite and ONNX are converted from it, so that the same image gets the same prediction
everywhere. The trained classifier is a model in it, named `classifier`, with three outputs:
`features`, `logits` and `probabilities`. Training, distillation, heat maps and OOD detection take
it from there.
"""

import os

import keras
import numpy as np

from trash_keras.calibration.ood import POWER, TINY, SubspaceDetector
from trash_keras.metadata import VIEWS, ModelMetadata
from trash_keras.models.classifier import (
    FEATURES,
    LOGITS,
    PROBABILITIES,
    raw_classifier,
    with_all_outputs,
)
from trash_keras.models.older_keras import leave_out_newer
from trash_keras.scanning import keras_file
from trash_keras.storage import local

CROP = 7 / 8  # of the side, in the middle
TEMPERATURE = "temperature"
OOD_CENTRE, OOD_SUBSPACE, OOD_LIMIT = "ood_centre", "ood_subspace", "ood_limit"


def build_inference_model(
    classifier: keras.Model,
    temperature: float = 1.0,
    views: int = 1,
    ood_detector: SubspaceDetector | None = None,
) -> keras.Model:
    """Builds the model that predicts, in inference mode, of the classifier's own layers.

    The logits of all views are averaged: the geometric mean of the views' probabilities, made to
    sum to 1. Unlike the arithmetic mean it commutes with the temperature, which can therefore be
    fitted on what comes out. Temperature: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern
    Neural Networks", ICML 2017, section 4.2.

    Args:
        classifier: From `classifier.build`, float32.
        temperature: Divides the logits; over 1 makes the predictions less sure.
        views: Test-time augmentation: 1, the image; 2, and its mirror image; 4, and both upside
            down; 8, these four of the whole image and of its central 7/8.
        ood_detector: Scales down the logits of out-of-distribution (OOD) images; None leaves them.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes], probabilities.

    Raises:
        ValueError: Another number of views, or a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0. Received: {temperature}")
    image, found = _mean_of_views(classifier, views)
    logits = found[LOGITS]
    if ood_detector:
        logits = logits * _ood_scaling(found[FEATURES], ood_detector)
    # A layer for each number, of a fixed name and in float32 under any precision policy.
    logits = keras.layers.Rescaling(1 / temperature, dtype="float32", name=TEMPERATURE)(logits)
    probabilities = keras.layers.Softmax(dtype="float32", name=PROBABILITIES)(logits)
    return keras.Model(image, probabilities, name="inference")


def feature_extractor(classifier: keras.Model, views: int = 1) -> keras.Model:
    """Builds what gives the features by which the inference model scales its logits.

    Args:
        classifier: From `classifier.build`, float32.
        views: As for `build_inference_model`.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, channels], the mean of the
        views' pooled features.

    Raises:
        ValueError: Another number of views.
    """
    image, found = _mean_of_views(classifier, views)
    return keras.Model(image, found[FEATURES], name="feature_extractor")


def read_ood_detector(model: keras.Model) -> SubspaceDetector | None:
    """Returns what decides how an inference model scales the logits of OOD images, or None."""
    if OOD_CENTRE not in {layer.name for layer in model.layers}:
        return None
    mean, _ = model.get_layer(OOD_CENTRE).get_weights()
    (basis,) = model.get_layer(OOD_SUBSPACE).get_weights()
    return SubspaceDetector(mean, basis, 1 / model.get_layer(OOD_LIMIT).scale)


def with_views(model: keras.Model, views: int) -> keras.Model:
    """Returns an inference model with another number of views, and all else as it was.

    Raises:
        ValueError: As `build_inference_model`.
    """
    temperature = 1 / model.get_layer(TEMPERATURE).scale
    detector = read_ood_detector(model)
    return build_inference_model(raw_classifier(model), temperature, views, detector)


def save(model: keras.Model, metadata: ModelMetadata, path: str | os.PathLike) -> None:
    """Writes a `.keras` file, whole or not at all.

    Args:
        model: From `build_inference_model`.
        metadata: Says of the file what `model` does; goes into it.
        path: The file; replaced where there is one.
    """
    with local.atomic_write(path, checked=True) as temporary:
        model.save(temporary)
        leave_out_newer(temporary)
        metadata.embed(temporary)


def load(path: str | os.PathLike) -> keras.Model:
    """Reads the inference model of a `.keras` file, see `keras_file.load_model`."""
    return keras_file.load_model(path)


def _mean_of_views(
    classifier: keras.Model, views: int
) -> tuple[keras.KerasTensor, dict[str, keras.KerasTensor]]:
    """Returns an image and the classifier's features and logits for it, averaged over its views."""
    if views not in VIEWS:
        raise ValueError(f"views must be one of {', '.join(map(str, VIEWS))}. Received: {views}")
    image = keras.Input(classifier.input_shape[1:], name="image", dtype="float32")
    # Fixed to inference mode, so that no exporter traces Dropout or BatchNorm in training mode.
    found = with_all_outputs(classifier)(_views(image, views), training=False)
    if views == 1:
        return image, found

    def mean(values: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.mean(keras.ops.reshape(values, (views, -1, values.shape[-1])), axis=0)

    return image, {name: mean(values) for name, values in found.items()}


def _ood_scaling(features: keras.KerasTensor, detector: SubspaceDetector) -> keras.KerasTensor:
    """Returns [batch, 1]: `SubspaceDetector.scaling` as layers that every runtime has."""
    # Frozen, with variance 1, it subtracts the mean. `Normalization` computes with copies of its
    # weights, which tf2onnx takes for further inputs.
    centre = keras.layers.BatchNormalization(
        epsilon=0.0, center=False, scale=False, trainable=False, dtype="float32", name=OOD_CENTRE
    )
    subspace = keras.layers.Dense(
        detector.basis.shape[1], use_bias=False, dtype="float32", name=OOD_SUBSPACE
    )
    limit = keras.layers.Rescaling(1 / detector.limit, dtype="float32", name=OOD_LIMIT)
    length = keras.ops.sqrt(
        keras.ops.maximum(keras.ops.sum(keras.ops.square(features), axis=1, keepdims=True), TINY)
    )
    centred = centre(features / length, training=False)
    inside = keras.ops.sum(keras.ops.square(subspace(centred)), axis=1, keepdims=True)
    centre.set_weights([detector.mean, np.ones_like(detector.mean)])
    subspace.set_weights([detector.basis])
    whole = keras.ops.sum(keras.ops.square(centred), axis=1, keepdims=True)
    return (1.0 / keras.ops.maximum(limit(whole - inside), 1.0)) ** POWER


def _views(image: keras.KerasTensor, views: int) -> keras.KerasTensor:
    """Returns [views * batch, side, side, 3]: all first views, then all second ones, and so on.

    As one batch they run the backbone once, whose weights then stand in a TFLite file once.
    """
    found = [image]
    if views == 8:
        side = image.shape[1]
        kept = round(side * CROP)
        start = (side - kept) // 2
        margins = (start, side - kept - start)
        middle = keras.layers.Cropping2D((margins, margins), dtype="float32")(image)
        found.append(keras.layers.Resizing(side, side, dtype="float32")(middle))
    for axis in (2, 1)[: views.bit_length() - 1]:  # left-right, then top-bottom
        found += [keras.ops.flip(view, axis) for view in found]
    return keras.ops.concatenate(found) if views > 1 else image
