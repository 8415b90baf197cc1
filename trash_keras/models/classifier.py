"""Transfer learning and fine-tuning: backbone + head, one model from images to probabilities."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from trash_keras.config import ModelConfig
from trash_keras.data import file_roles
from trash_keras.metadata import ModelMetadata
from trash_keras.models import backbones, folding
from trash_keras.scanning import keras_file

CLASSIFIER = "classifier"
SCALING, BACKBONE, FEATURES, DROPOUT = "preprocessing", "backbone", "features", "dropout"
LOGITS, PROBABILITIES = "logits", "probabilities"


def build(
    backbone: keras.Model,
    class_count: int,
    *,
    scaling: keras.Layer | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Puts a classification head on a feature extractor.

    Args:
        backbone: Images [batch, side, side, 3] -> features [batch, h, w, channels] or
            [batch, channels].
        class_count: Number of classes.
        scaling: Layer that brings RGB 0..255 into the range that the backbone expects.
        dropout: Share of features dropped in training.

    Returns:
        float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, class_count], probabilities.
        The softmax is float32 under any precision policy.
    """
    backbone.name = BACKBONE
    inputs = keras.Input(backbone.input_shape[1:], name="image", dtype="float32")
    x = scaling(inputs) if scaling else inputs
    x = backbone(x)
    pool = keras.layers.GlobalAveragePooling2D if len(x.shape) == 4 else keras.layers.Identity
    x = pool(name=FEATURES)(x)
    x = keras.layers.Dropout(dropout, name=DROPOUT)(x)
    x = keras.layers.Dense(class_count, dtype="float32", name=LOGITS)(x)
    # Apart from the logits, which inference averages and scales before their softmax.
    x = keras.layers.Softmax(dtype="float32", name=PROBABILITIES)(x)
    return keras.Model(inputs, x, name=CLASSIFIER)


def create(settings: ModelConfig, class_names: Sequence[str], image_size: int) -> keras.Model:
    """Makes the classifier that a run starts from.

    Args:
        settings: Of the run. With `init`, backbone and head come from that file, see
            `continue_from`; else the backbone does from `backbone` and `weights`.
        class_names: Of the run, in label order.
        image_size: Height and width of the input, pixels.

    Returns:
        As `build`.

    Raises:
        ValueError: As `backbones.build` or `continue_from`.
    """
    if settings.init:
        return continue_from(settings.init, class_names, image_size, settings.dropout)
    scaling, backbone = backbones.build(settings.backbone, settings.weights, image_size)
    return build(backbone, len(class_names), scaling=scaling, dropout=settings.dropout)


def continue_from(
    path: str | os.PathLike, class_names: Sequence[str], image_size: int, dropout: float = 0.0
) -> keras.Model:
    """Makes a classifier that goes on from a trained one: its backbone, and its head by class.

    A class that both have, by name and in whatever order, keeps its weights in the head; those of
    other classes are drawn anew. Temperature, views and OOD scaling stay behind: they are fitted
    again after training.

    Args:
        path: `.keras` file of this project.
        class_names: Of the new classifier, in label order.
        image_size: Height and width of its input, pixels; the backbone is rebuilt for another one
            than it had.
        dropout: Share of features dropped in training.

    Returns:
        As `build`, under the current precision policy.

    Raises:
        ValueError: No such file, not a `.keras` file of this project, or a backbone that cannot
            take images of this size.
    """
    file_roles.require("init", path)
    if Path(path).suffix != ".keras":
        raise ValueError(
            f"--init must be a .keras file of this project; other files cannot be trained on. "
            f"Received: {path}"
        )
    metadata = ModelMetadata.read(path)
    trained = load_classifier(path)
    layers = {layer.name: layer for layer in trained.layers}
    backbone = backbones.fitted(layers[BACKBONE], image_size, str(path))
    model = build(backbone, len(class_names), scaling=layers.get(SCALING), dropout=dropout)
    head = model.get_layer(LOGITS)
    (kernel, bias), (old_kernel, old_bias) = head.get_weights(), layers[LOGITS].get_weights()
    for column, name in enumerate(class_names):
        if name in metadata.class_names:
            old = metadata.class_names.index(name)
            kernel[:, column], bias[column] = old_kernel[:, old], old_bias[old]
    head.set_weights([kernel, bias])
    return model


def with_head(classifier: keras.Model, kernel: np.ndarray, bias: np.ndarray) -> keras.Model:
    """Returns a classifier of the same backbone with another head, sharing the backbone's weights.

    Args:
        classifier: From `build`.
        kernel: float [channels, classes] of the new head.
        bias: float [classes].
    """
    layers = {layer.name: layer for layer in classifier.layers}
    dropout = layers[DROPOUT].rate
    model = build(layers[BACKBONE], len(bias), scaling=layers.get(SCALING), dropout=dropout)
    model.get_layer(LOGITS).set_weights([kernel, bias])
    return model


def raw_classifier(model: keras.Model) -> keras.Model:
    """Returns the classifier in an inference model, as `build` made it, sharing weights.

    Args:
        model: From `inference.build_inference_model`.

    Raises:
        ValueError: There is none in it.
    """
    part = model.get_layer(CLASSIFIER)
    return keras.Model(part.input, part.output[PROBABILITIES], name=CLASSIFIER)


def load_classifier(path: str | os.PathLike) -> keras.Model:
    """Reads the classifier in a `.keras` file of this project, as `build` made it.

    Raises:
        ValueError: Keras cannot read the file, or there is no classifier in it.
    """
    try:
        return raw_classifier(keras_file.load_model(path))
    except Exception as error:  # Keras raises many types for a broken file
        raise ValueError(f"The model {path} cannot be loaded: {error}") from error


def with_all_outputs(classifier: keras.Model) -> keras.Model:
    """Returns the classifier as it is kept in an inference model, sharing weights.

    Args:
        classifier: From `build`.

    Returns:
        The same images -> `features` [batch, channels], pooled, `logits` and `probabilities`
        [batch, classes]. Never compiled, so that the state of AdamW, which `backup/` keeps, does
        not make a file three times as large.
    """
    names = (FEATURES, LOGITS, PROBABILITIES)
    outputs = {name: classifier.get_layer(name).output for name in names}
    return keras.Model(classifier.input, outputs, name=CLASSIFIER)


def feature_extractor(classifier: keras.Model) -> keras.Model:
    """Returns the part from images to pooled features [batch, channels], as it is now."""
    part = keras.Model(classifier.input, classifier.get_layer(FEATURES).output)
    return folding.for_inference(part)


def head(classifier: keras.Model) -> keras.Model:
    """Returns the part from pooled features to probabilities, sharing weights.

    Training it on features that were computed once trains the classifier's head with the
    backbone frozen, without running the backbone again.
    """
    features = keras.Input(classifier.get_layer(FEATURES).output.shape[1:], name=FEATURES)
    x = features
    for name in (DROPOUT, LOGITS, PROBABILITIES):
        x = classifier.get_layer(name)(x)
    return keras.Model(features, x, name="head")


def unfreeze(classifier: keras.Model, share: float) -> keras.Model:
    """Makes the top part of the backbone trainable and freezes the rest.

    BatchNorm layers stay frozen all the same: they go on using their stored statistics, which
    small batches of a small data set would spoil (https://keras.io/guides/transfer_learning).
    Calling the backbone with `training=False` is not enough: inside a functional model, Keras 3
    overrides that with the mode in which the outer model is called.

    Args:
        classifier: From `build`.
        share: Share of the backbone's layers to train, counted from the output; 0..1.

    Returns:
        What to train: the same classifier and variables, its frozen BatchNorm folded into the
        convolutions.
    """
    layers = classifier.get_layer(BACKBONE).layers
    frozen = len(layers) - round(share * len(layers))
    for index, layer in enumerate(layers):
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= frozen and not batch_norm
    return folding.for_training(classifier)


def cap_batch_norm_momentum(classifier: keras.Model, momentum: float = 0.9) -> None:
    """Lets BatchNorm's stored statistics follow the data within some 100 steps.

    For training from random weights. Many networks come with a momentum of 0.99, made for the
    hundred thousands of steps of ImageNet: after the 500 steps of a small data set their stored
    variance still holds more of its initial 1 than of the data, and inference gives nonsense.

    Args:
        classifier: From `build`.
        momentum: Upper bound of the share of the old value kept at each step.
    """
    for layer in classifier.get_layer(BACKBONE).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, momentum)


def in_float32(classifier: keras.Model) -> keras.Model:
    """Returns the classifier computing in float32: itself, or a copy of a mixed-precision one.

    Weights are float32 in mixed precision, too, so what was trained on a GPU or TPU runs on any
    CPU.
    """
    layers = classifier.get_layer(BACKBONE).layers
    if all(layer.compute_dtype == "float32" for layer in layers if layer.weights):
        return classifier
    copy = backbones.with_dtype_policy(classifier, "float32")
    copy.set_weights(classifier.get_weights())
    return copy
