"""Classifier -> the model that answers: views, temperature, novelty, one softmax.

What a run trains stays in `model.keras`, for teachers, heat maps and further training. What
answers is built from it and from the contract here, in one place for the Keras file, SavedModel
and TFLite, so that the same picture gets the same answer everywhere.
"""

import os
import zipfile

import keras

from trash_keras.contract import NOVELTY_ENTRY, VIEWS, Contract
from trash_keras.evaluation.novelty import POWER, Novelty
from trash_keras.modeling import classifier as modeling

CROP = 7 / 8  # of the side, in the middle


def answering_model(
    classifier: keras.Model,
    temperature: float = 1.0,
    views: int = 1,
    novelty: Novelty | None = None,
) -> keras.Model:
    """Builds the model that answers, in inference mode, with the classifier's own layers.

    The features of all views are averaged, then come logits / temperature and the softmax. Logits
    are linear in the features, so this averages the logits: the geometric mean of the views'
    probabilities, made to sum to 1. Unlike the arithmetic mean it commutes with the temperature,
    which can therefore be fitted on what comes out. Temperature: Guo, Pleiss, Sun & Weinberger,
    "On Calibration of Modern Neural Networks", ICML 2017, section 4.2; it divides the weights of
    the last layer, so that there is no further operation for a converter to quantize.

    Args:
        classifier: From `classifier.build`, float32.
        temperature: Divides the logits; over 1 makes the answers less sure.
        views: 1, the picture; 2, and its mirror image; 4, and both upside down; 8, these four of
            the whole picture and of its central 7/8.
        novelty: Makes answers for novel features less sure; None leaves them.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes], probabilities.

    Raises:
        ValueError: Another number of views, or a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0. Received: {temperature}")
    extractor = feature_extractor(classifier, views)
    image, features = extractor.input, extractor.output
    trained = classifier.get_layer(modeling.PROBABILITIES)
    linear = keras.layers.Dense(trained.units, dtype="float32", name="logits")
    logits = linear(features)
    linear.set_weights([weight / temperature for weight in trained.get_weights()])
    if novelty:
        logits = logits * _damping(features, novelty)
    probabilities = keras.layers.Softmax(dtype="float32", name=modeling.PROBABILITIES)(logits)
    return keras.Model(image, probabilities, name="answers")


def feature_extractor(classifier: keras.Model, views: int = 1) -> keras.Model:
    """Builds the part of `answering_model` that ends in the mean of the views' features.

    Args:
        classifier: From `classifier.build`, float32.
        views: As there.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, channels].

    Raises:
        ValueError: Another number of views.
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {', '.join(map(str, VIEWS))}. Received: {views}")
    image = keras.Input(classifier.input_shape[1:], name="image", dtype="float32")
    # Fixed to inference mode, so that no exporter traces Dropout or BatchNorm in training mode.
    features = modeling.feature_extractor(classifier)(_views(image, views), training=False)
    if views > 1:
        each = keras.ops.reshape(features, (views, -1, features.shape[-1]))
        features = keras.ops.mean(each, axis=0)
    return keras.Model(image, features, name="features")


def load(path: str | os.PathLike, contract: Contract) -> keras.Model:
    """Reads the classifier of a `.keras` file and builds the model that answers as agreed.

    Raises:
        ValueError: As `answering_model`, or Keras cannot read the file.
    """
    classifier = keras.models.load_model(path, compile=False)
    return answering_model(classifier, contract.temperature, contract.tta, read_novelty(path))


def read_novelty(path: str | os.PathLike) -> Novelty | None:
    """Returns what a `.keras` file knows of novelty, or None."""
    with zipfile.ZipFile(path) as archive:
        if NOVELTY_ENTRY not in archive.namelist():
            return None
        return Novelty.from_bytes(archive.read(NOVELTY_ENTRY))


def _damping(features: keras.KerasTensor, novelty: Novelty) -> keras.KerasTensor:
    """Returns [batch, 1], `Novelty.damping` as operations that every runtime has."""
    centred = features - novelty.mean
    whole = keras.ops.sum(centred * centred, axis=1, keepdims=True)
    inside = keras.ops.square(keras.ops.matmul(centred, novelty.basis))
    share = 1.0 - keras.ops.sum(inside, axis=1, keepdims=True) / keras.ops.maximum(whole, 1e-12)
    return (novelty.limit / keras.ops.maximum(share, novelty.limit)) ** POWER


def _views(image: keras.KerasTensor, views: int) -> keras.KerasTensor:
    """Returns [views * batch, side, side, 3]: all first views, then all second ones, and so on.

    As one batch they run the backbone once, whose weights then stand in a TFLite file once.
    """
    found = [image]
    if views == 8:
        side = image.shape[1]
        kept = round(side * CROP)
        start = (side - kept) // 2
        middle = image[:, start : start + kept, start : start + kept]
        found.append(keras.ops.image.resize(middle, (side, side), interpolation="bilinear"))
    for axis in (2, 1)[: views.bit_length() - 1]:  # left-right, then top-bottom
        found += [keras.ops.flip(view, axis) for view in found]
    return keras.ops.concatenate(found) if views > 1 else image
