"""Corruptions of test images, in five severities each, to measure robustness.

Brightness, contrast, blur, noise and JPEG are those of ImageNet-C (Hendrycks & Dietterich, 2019,
Benchmarking Neural Network Robustness to Common Corruptions and Perturbations; the parameters
stand in the authors' code only); rotation, scale and background are our own. The images of
ImageNet-C have 224 pixels a side, and ours the model's: the radius of blur grows with it, while
noise and JPEG work on single pixels and blocks of 8, which are finer in larger images. Frames of
other aspect ratios, as phones have them, are a matter of their own: `extend_to_frame`.

Written here, since `imagecorruptions` and its kept fork `imagecorruptions-imaug` draw from NumPy's
global generator and bring OpenCV, scikit-image and Numba for these few lines.
"""

import dataclasses
import functools
import io
import math
from collections.abc import Callable

import numpy as np
import scipy.ndimage
import scipy.signal
import tensorflow as tf
from PIL import Image

from trash_keras.data.augmentation import layers
from trash_keras.data.augmentation.backgrounds import RandomBackground
from trash_keras.data.catalog import shuffle_key

SEVERITIES = (1, 2, 3, 4, 5)
IMAGENET_SIDE = 224  # pixels, of the images of ImageNet-C

FRAMES = {"4:3": 4 / 3, "1:1": 1.0, "3:4": 3 / 4, "9:16": 9 / 16}  # width over height

# (image float [side, side, 3], 0..255, level, source of randomness) -> changed image
Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Corruption:
    """A kind of corruption.

    Attributes:
        change: Makes it.
        levels: Its parameter, for each severity.
        meaning: What the parameter is, for the report.
    """

    change: Change
    levels: tuple[float, float, float, float, float]
    meaning: str


def corrupt(image: np.ndarray, kind: str, severity: int, seed: int, name: str) -> np.ndarray:
    """Corrupts an image, always in the same way for the same arguments.

    What is drawn at random is the same at every severity, so that only its strength differs.

    Args:
        image: uint8 [side, side, 3], RGB, as the model gets it.
        kind: A key of `CORRUPTIONS`.
        severity: 1 to 5.
        seed: 0 or more.
        name: Of the image.

    Returns:
        uint8 [side, side, 3].
    """
    drawn = int.from_bytes(shuffle_key(f"{kind}/{name}")[:8], "big")
    generator = np.random.default_rng([seed, drawn])
    corruption = CORRUPTIONS[kind]
    level = corruption.levels[SEVERITIES.index(severity)]
    changed = corruption.change(image.astype(np.float32), level, generator)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def extend_to_frame(image: np.ndarray, aspect_ratio: float) -> np.ndarray:
    """Gives an image another aspect ratio, as if the camera had seen more of the ground.

    Two opposite edges are continued outwards, blurred along themselves, since streaks would be a
    texture that no ground has. Nothing is cut or squeezed.

    Args:
        image: uint8 [height, width, 3].
        aspect_ratio: Width over height of the result.

    Returns:
        uint8 [height, width, 3], one of the sides larger, up to a rounded pixel.
    """
    height, width = image.shape[:2]
    missing = (round(width / aspect_ratio) - height, round(height * aspect_ratio) - width)
    if missing[1] > 0:
        return extend_to_frame(image.swapaxes(0, 1), 1 / aspect_ratio).swapaxes(0, 1)
    above = max(missing[0], 0) // 2
    below = max(missing[0], 0) - above
    edges = scipy.ndimage.gaussian_filter1d(
        image[[0, -1]].astype(np.float32), width / 8, axis=1, mode="nearest"
    )
    top, bottom = np.rint(edges).astype(np.uint8)[:, None]
    return np.concatenate([top.repeat(above, 0), image, bottom.repeat(below, 0)])


def _brightness(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    # Hue and saturation of HSV stay when the channels keep their proportions.
    value = image.max(axis=-1, keepdims=True)
    brighter = np.minimum(value + 255 * level, 255)
    return np.where(value > 0, image * (brighter / np.maximum(value, 1)), brighter)


def _contrast(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    mean = image.mean(axis=(0, 1))
    return mean + level * (image - mean)


def _blur(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    edge = 0.1 if level <= 3 else 0.5  # as in ImageNet-C
    kernel = _disk(level, edge, len(image))
    margin = len(kernel) // 2
    padded = np.pad(image, [(margin, margin), (margin, margin), (0, 0)], mode="reflect")
    return scipy.signal.oaconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1))


@functools.lru_cache(maxsize=16)
def _disk(radius: float, edge: float, side: int) -> np.ndarray:
    """A disk with a softened edge, float32, odd sides; radius and edge count at 224 pixels."""
    # At another size, the same share of the image flows together.
    radius, edge = radius * side / IMAGENET_SIDE, edge * side / IMAGENET_SIDE
    half = min(max(8, math.ceil(radius)), side - 1)
    axis = np.arange(-half, half + 1)
    disk = (axis**2 + axis[:, None] ** 2 <= radius**2).astype(np.float32)
    taps = 1 if radius <= 8 else 2
    return scipy.ndimage.gaussian_filter(disk / disk.sum(), edge, mode="mirror", radius=taps)


def _noise(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    return image + 255 * level * generator.standard_normal(image.shape, np.float32)


def _jpeg(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    encoded = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(encoded, "JPEG", quality=int(level))
    return np.asarray(Image.open(encoded))


def _rotation(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    angle = level * generator.choice([-1, 1])
    return scipy.ndimage.rotate(image, angle, reshape=False, order=1, mode="nearest")


def _scale(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    side = len(image)
    pixels = Image.fromarray(image.astype(np.uint8))
    if generator.random() < 0.5:
        margin = side * (1 - 1 / level) / 2
        box = (margin, margin, side - margin, side - margin)
        return np.asarray(pixels.resize((side, side), Image.Resampling.BILINEAR, box))
    inner = max(round(side / level), 1)
    small = np.asarray(pixels.resize((inner, inner), Image.Resampling.BILINEAR))
    before = (side - inner) // 2
    margins = (before, side - inner - before)
    return np.pad(small, [margins, margins, (0, 0)], mode="edge")


def _background(image: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    step = generator.integers(2**26)  # `apply_layers` draws from seed and step alone
    replaced = _replacement()(tf.constant(image[None]), tf.constant(step))
    return image + level * (replaced.numpy()[0] - image)


@functools.cache
def _replacement() -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    return tf.function(functools.partial(layers.apply_layers, [RandomBackground(1.0)], 0))


CORRUPTIONS = {
    "brightness": Corruption(_brightness, (0.1, 0.2, 0.3, 0.4, 0.5), "added to V of HSV, 0..1"),
    "contrast": Corruption(_contrast, (0.4, 0.3, 0.2, 0.1, 0.05), "share of contrast left"),
    "blur": Corruption(_blur, (3, 4, 6, 8, 10), "defocus, radius in pixels of 224"),
    "noise": Corruption(_noise, (0.08, 0.12, 0.18, 0.26, 0.38), "Gaussian, deviation, 0..1"),
    "jpeg": Corruption(_jpeg, (25, 18, 15, 10, 7), "JPEG quality"),
    "rotation": Corruption(_rotation, (15, 30, 45, 60, 90), "degrees to either side"),
    "scale": Corruption(_scale, (1.25, 1.5, 2, 2.5, 3), "times larger or smaller"),
    "background": Corruption(_background, (0.2, 0.4, 0.6, 0.8, 1), "share of another background"),
}
