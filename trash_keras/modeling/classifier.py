"""Backbone + head: one keras.Model from raw pictures to class probabilities."""

import keras

from trash_keras.modeling import backbones

BACKBONE, FEATURES, DROPOUT, PROBABILITIES = "backbone", "features", "dropout", "probabilities"


def build(
    backbone: keras.Model,
    class_count: int,
    *,
    scaling: keras.Layer | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Puts a classification head on a feature extractor.

    Args:
        backbone: Pictures [batch, side, side, 3] -> features [batch, h, w, channels] or
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
    x = keras.layers.Dense(class_count, activation="softmax", dtype="float32", name=PROBABILITIES)(
        x
    )
    return keras.Model(inputs, x, name="classifier")


def feature_extractor(classifier: keras.Model) -> keras.Model:
    """Returns the part from pictures to pooled features [batch, channels], sharing weights."""
    return keras.Model(classifier.input, classifier.get_layer(FEATURES).output)


def head(classifier: keras.Model) -> keras.Model:
    """Returns the part from pooled features to probabilities, sharing weights.

    Training it on features that were computed once trains the classifier's head with the
    backbone frozen, without running the backbone again.
    """
    features = keras.Input(classifier.get_layer(FEATURES).output.shape[1:], name=FEATURES)
    x = classifier.get_layer(DROPOUT)(features)
    return keras.Model(features, classifier.get_layer(PROBABILITIES)(x), name="head")


def unfreeze(classifier: keras.Model, share: float) -> None:
    """Makes the top part of the backbone trainable and freezes the rest.

    BatchNorm layers stay frozen all the same: they go on using their stored statistics, which
    small batches of a small data set would spoil (https://keras.io/guides/transfer_learning).
    Calling the backbone with `training=False` is not enough: inside a functional model, Keras 3
    overrides that with the mode in which the outer model is called.

    Args:
        classifier: From `build`.
        share: Share of the backbone's layers to train, counted from the output; 0..1.
    """
    layers = classifier.get_layer(BACKBONE).layers
    frozen = len(layers) - round(share * len(layers))
    for index, layer in enumerate(layers):
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= frozen and not batch_norm


def quicken_batch_norm(classifier: keras.Model, momentum: float = 0.9) -> None:
    """Lets BatchNorm's stored statistics follow the data within some 100 steps.

    For training from random weights. Many networks come with a momentum of 0.99, made for the
    hundred thousands of steps of ImageNet: after the 500 steps of a small data set their stored
    variance still holds more of its initial 1 than of the data, and inference answers nonsense.

    Args:
        classifier: From `build`.
        momentum: Upper bound of the share of the old value kept at each step.
    """
    for layer in classifier.get_layer(BACKBONE).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, momentum)


def in_float32(classifier: keras.Model) -> keras.Model:
    """Returns the classifier computing in float32: itself, or a copy of a mixed-precision one.

    Weights are float32 in mixed precision too, so that what trained on a GPU or TPU answers on
    any CPU.
    """
    layers = classifier.get_layer(BACKBONE).layers
    if all(layer.compute_dtype == "float32" for layer in layers if layer.weights):
        return classifier
    copy = backbones.with_dtype_policy(classifier, "float32")
    copy.set_weights(classifier.get_weights())
    return copy
