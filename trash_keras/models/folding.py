"""BatchNorm folded into the convolution before it: the same function, with less to compute.

BatchNorm that uses its stored statistics scales and shifts each channel, and so does a convolution
with a scaled kernel and a bias. TensorFlow's own kernels on CPUs then add the bias and apply the
activation while they convolve, where BatchNorm reads and writes all activations twice more. Jacob
et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, section 3.2.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def for_inference(model: keras.Model) -> keras.Model:
    """Returns the function of a model as it is now, without the BatchNorm behind convolutions.

    Args:
        model: Functional; it is not changed, and what changes in it later is not seen.

    Returns:
        The same inputs -> the same outputs, up to rounding, in inference mode.
    """
    return _folded(model, _with_bias)


def for_training(model: keras.Model) -> keras.Model:
    """Returns a model with the variables of another, whose frozen BatchNorm costs less.

    Args:
        model: Functional, with all BatchNorm frozen, see `classifier.unfreeze`.

    Returns:
        The same inputs -> the same outputs, up to rounding; training it trains `model`.
    """
    return _folded(model, FoldedConvolution)


class FoldedConvolution(keras.Layer):
    """A convolution and the frozen BatchNorm behind it, as one convolution with a bias.

    Args:
        convolution: Conv2D or DepthwiseConv2D; trained here.
        batch_norm: BatchNormalization of its channels; stays as it is.
    """

    def __init__(
        self, convolution: keras.layers.Conv2D, batch_norm: keras.layers.BatchNormalization
    ) -> None:
        super().__init__(
            name=_name(convolution, batch_norm),
            dtype=convolution.dtype_policy,
            trainable=convolution.trainable,
        )
        self.convolution, self.batch_norm = convolution, batch_norm
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns [batch, height, width, channels], as the two layers after one another do."""
        layer = self.convolution
        kernel, bias = _weights(layer, self.batch_norm)
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        convolve = ops.depthwise_conv if depthwise else ops.conv
        outputs = convolve(
            inputs, kernel, layer.strides, layer.padding, layer.data_format, layer.dilation_rate
        )
        return tf.nn.bias_add(outputs, bias)


def _folded(model: keras.Model, fold: Callable[[Any, Any], keras.Layer]) -> keras.Model:
    fold_once = functools.cache(fold)  # layers may be used several times
    # id of an output -> the output, the layer that made it, and of what
    convolved: dict[int | None, tuple[Any, ...]] = {}

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        source = id(args[0]) if args else None
        if source in convolved and _is_of_channels(layer):
            _, convolution, inputs = convolved[source]
            return fold_once(convolution, layer)(inputs)
        output = layer(*args, **kwargs)
        if _is_plain_convolution(layer):  # of no use where only BatchNorm takes what it returns
            convolved[id(output)] = output, layer, args[0]
        return output

    return keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call, recursive=True
    )


def _is_plain_convolution(layer: keras.Layer) -> bool:
    return (
        type(layer) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"  # under others, BatchNorm is the more precise
    )


def _is_of_channels(layer: keras.Layer) -> bool:
    return type(layer) is keras.layers.BatchNormalization and layer.axis in (-1, 3)


def _with_bias(
    convolution: keras.layers.Conv2D, batch_norm: keras.layers.BatchNormalization
) -> keras.layers.Conv2D:
    """Returns a layer with the weights that the two have now."""
    config = convolution.get_config() | {"use_bias": True, "name": _name(convolution, batch_norm)}
    folded = type(convolution).from_config(config)
    folded.build(convolution.input.shape)
    folded.set_weights([np.asarray(weight) for weight in _weights(convolution, batch_norm)])
    return folded


def _name(convolution: keras.Layer, batch_norm: keras.Layer) -> str:
    return f"{convolution.name}_{batch_norm.name}"


def _weights(
    convolution: keras.layers.Conv2D, batch_norm: keras.layers.BatchNormalization
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns kernel and bias of the two in one."""
    scale = ops.rsqrt(batch_norm.moving_variance + batch_norm.epsilon)
    if batch_norm.gamma is not None:
        scale *= batch_norm.gamma
    bias = -batch_norm.moving_mean * scale
    if convolution.bias is not None:
        bias += convolution.bias * scale
    if batch_norm.beta is not None:
        bias += batch_norm.beta
    if isinstance(convolution, keras.layers.DepthwiseConv2D):  # its kernel: [..., channels, times]
        scale = ops.reshape(scale, (-1, convolution.depth_multiplier))
    return convolution.kernel * scale, bias
