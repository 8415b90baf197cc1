"""Backbones for transfer learning: network names or a .keras file -> feature extractor."""

import difflib
import inspect
import os
import types
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.data import file_roles
from trash_keras.metadata import ModelMetadata
from trash_keras.models import efficientnet_lite
from trash_keras.scanning import keras_file
from trash_keras.storage import caches

# The images that determine an affine function of RGB: black, and full red, green and blue.
_PROBES = np.concatenate([np.zeros((1, 1, 1, 3)), 255 * np.eye(3).reshape(3, 1, 1, 3)])


def names() -> list[str]:
    """Returns EfficientNetLite0, 1 and 2 and the constructors of keras.applications."""
    applications = vars(keras.applications).items()
    constructors = [name for name, value in applications if isinstance(value, types.FunctionType)]
    return sorted([*efficientnet_lite.NAMES, *constructors])


def require(backbone: str, weights: str) -> None:
    """Checks the names of a backbone and its weights, before anything is downloaded or built.

    Raises:
        ValueError: There is no such network or file.
        ImportError: As `build`.
    """
    if weights not in ("imagenet", "none") and not os.path.isfile(weights):
        raise ValueError(
            f"--weights must be imagenet, none, or the path of a weights file. Received: {weights}"
        )
    for flag, path in (("backbone", backbone), ("weights", weights)):
        _refuse_classifier(flag, path)
    if weights not in ("imagenet", "none"):
        file_roles.require("weights", weights)
    if backbone in efficientnet_lite.NAMES and weights == "imagenet":
        efficientnet_lite.weights_file(backbone)
    if backbone in names():
        return
    file_roles.require("backbone", backbone)
    if not backbone.endswith(".keras"):
        near = difflib.get_close_matches(backbone, names(), n=3, cutoff=0.5) or names()[:3]
        raise ValueError(
            f"Unknown backbone {backbone!r}. Near names: {', '.join(near)}. --backbone takes "
            "EfficientNetLite0, 1 or 2, a constructor of keras.applications, or the path of a "
            ".keras file."
        )
    if not os.path.isfile(backbone):
        raise ValueError(f"There is no backbone file {backbone}.")


def build(backbone: str, weights: str, image_size: int) -> tuple[keras.Layer | None, keras.Model]:
    """Makes a feature extractor and the scaling that it needs.

    Args:
        backbone: One of `names`, or the path of a `.keras` model that maps RGB 0..255 to features
            and does its own scaling.
        weights: imagenet, none, or the path of a weights file. For a `.keras` backbone, imagenet
            keeps the weights in the file and none draws new ones.
        image_size: Height and width of the input, pixels.

    Returns:
        The layer that scales RGB 0..255 for the network, or None where the network does that
        itself; and the network: float [batch, image_size, image_size, 3] -> features
        [batch, h, w, channels] or [batch, channels].

    Raises:
        ValueError: Unknown backbone, weights that are missing, cannot be downloaded or do not
            fit, or an image size that the backbone cannot take.
        ImportError: The package with the ImageNet weights of an EfficientNet-Lite is missing.
    """
    require(backbone, weights)
    if backbone.endswith(".keras"):
        scaling, network = None, _from_file(backbone, image_size, fresh=weights == "none")
    elif backbone in efficientnet_lite.NAMES:
        pretrained = weights == "imagenet"
        scaling, network = None, efficientnet_lite.build(backbone, pretrained, image_size)
    else:
        network = _from_applications(backbone, weights, image_size)
        scaling = _preprocessing(backbone)
    if weights not in ("imagenet", "none"):
        _load_weights(network, weights)
    return scaling, network


def _refuse_classifier(flag: str, path: str) -> None:
    """Refuses a classifier of this project, which would get a second head on its softmax."""
    if not path.endswith(".keras"):
        return
    try:
        ModelMetadata.read(path)
    except ValueError:  # whether it is a backbone is checked later
        return
    raise ValueError(
        f"--{flag} takes no trained classifier; to go on from one: --init={path}. "
        f"Received: --{flag}={path}"
    )


def _load_weights(extractor: keras.Model, path: str) -> None:
    try:
        extractor.load_weights(path)
    except Exception as error:  # Keras and h5py raise many types for a file that does not fit
        raise ValueError(
            f"--weights: the file {path} does not fit the backbone {extractor.name}: {error}"
        ) from error


def _from_file(path: str, image_size: int, fresh: bool) -> keras.Model:
    try:
        extractor = keras_file.load_model(path)
    except Exception as error:
        raise ValueError(f"The backbone file {path} is not a Keras model: {error}") from error
    if len(extractor.inputs) != 1 or len(extractor.outputs) != 1:
        raise ValueError(f"The backbone file {path} must have one input and one output.")
    _require_features(extractor, path)
    return fitted(extractor, image_size, path, fresh)


def _require_features(extractor: keras.Model, path: str) -> None:
    if len(extractor.output_shape) not in (2, 4) or extractor.output_shape[-1] is None:
        raise ValueError(
            f"The backbone file {path} must return features [batch, height, width, channels] or "
            f"[batch, channels]. Received: {extractor.output_shape}"
        )
    # A head on the few probabilities of another head learns next to nothing.
    last = extractor.output._keras_history.operation
    while isinstance(last, keras.Model):
        last = last.outputs[0]._keras_history.operation
    activation = getattr(last, "activation", None)
    softmax = isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax
    sigmoid = isinstance(last, keras.layers.Dense) and activation is keras.activations.sigmoid
    if softmax or sigmoid:
        raise ValueError(
            f"The backbone file {path} must return features. Received: a classifier, whose output "
            f"{extractor.output_shape} is a {'softmax' if softmax else 'sigmoid'}."
        )


def fitted(extractor: keras.Model, image_size: int, path: str, fresh: bool = False) -> keras.Model:
    """Makes a network trainable, of one input size, under the current precision policy.

    Args:
        extractor: A functional model that was read from a file.
        image_size: Height and width of the input, pixels.
        path: The file, for messages.
        fresh: Draw new weights.

    Returns:
        The network itself if it is so already, else a copy.

    Raises:
        ValueError: It cannot be rebuilt for this size.
    """
    # Keras skips a value that a model has already, even where layers in it have another.
    extractor.trainable = False
    extractor.trainable = True
    resized = extractor.input_shape[1:3] != (image_size, image_size)
    policy = keras.config.dtype_policy().name
    if not (resized or fresh or policy != "float32"):
        return extractor
    try:
        copy = with_dtype_policy(extractor, policy, image_size)
        if not fresh:
            copy.set_weights(extractor.get_weights())
    except Exception as error:
        raise ValueError(
            f"The backbone in {path} takes {extractor.input_shape[1]} px images and cannot be "
            f"rebuilt for --image_size={image_size}: {error}"
        ) from error
    return copy


def with_dtype_policy(
    model: keras.Model, policy: str, image_size: int | None = None
) -> keras.Model:
    """Rebuilds a functional model under another dtype policy, or for another image size.

    Args:
        model: A functional model, nested or not, with one image as input.
        policy: float32, mixed_float16 or mixed_bfloat16, for every layer.
        image_size: Height and width of the new input, pixels; None keeps that of `model`.

    Returns:
        The copy; its weights are new, `set_weights` brings the old ones.
    """

    def rebuild(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": policy})

    side = image_size or model.input_shape[1]
    inputs = keras.Input((side, side, 3), name=model.inputs[0].name)
    return keras.models.clone_model(
        model, input_tensors=inputs, clone_function=rebuild, recursive=True
    )


def _from_applications(name: str, weights: str, image_size: int) -> keras.Model:
    build_network: Callable[..., keras.Model] = getattr(keras.applications, name)
    downloads = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    # Keras downloads to the final name: a second process would read half a file.
    wait = caches.alone(downloads / ".trash_keras.lock") if weights == "imagenet" else nullcontext()
    try:
        with wait:
            return build_network(
                include_top=False,
                weights="imagenet" if weights == "imagenet" else None,
                input_shape=(image_size, image_size, 3),
            )
    except ValueError as error:
        raise ValueError(
            f"{name} cannot be built for --image_size={image_size}: {error}"
        ) from error
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise ValueError(
            f"The ImageNet weights of {name} cannot be downloaded ({error}). "
            "Give --weights=PATH of a weights file, or --weights=none to train from scratch."
        ) from error


def _preprocessing(name: str) -> keras.Layer | None:
    """Makes the family's own `preprocess_input` a layer.

    Every family scales by an affine function of RGB (some are the identity, since their network
    has the scaling inside). A frozen 1x1 convolution computes exactly that, is saved and exported
    like any layer, and keeps its accuracy when the model is quantized, which the list of
    operations of `preprocess_input` does not.
    """
    family: Any = inspect.getmodule(getattr(keras.applications, name))
    scaled = np.asarray(family.preprocess_input(_PROBES.astype("float32"))).reshape(4, 3)
    bias = scaled[0]
    kernel = (scaled[1:] - bias) / 255
    if np.array_equal(kernel, np.eye(3)) and not bias.any():
        return None
    layer = keras.layers.Conv2D(3, 1, dtype="float32", trainable=False, name="preprocessing")
    layer.build((None, None, None, 3))
    layer.set_weights([kernel.reshape(1, 1, 3, 3), bias])
    return layer
