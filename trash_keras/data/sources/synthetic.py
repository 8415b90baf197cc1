"""Synthetic images in place of the TrashNet photographs, so that all runs with no download.

The six classes differ by shape and texture (`synthetic_objects.py`). Colour, background, light and
pose are drawn from wide, overlapping ranges, so a model that only looks at colour does badly.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from tqdm import tqdm

from trash_keras.data.sources import synthetic_canvas, synthetic_objects
from trash_keras.storage import local

CLASS_NAMES = tuple(synthetic_objects.PAINTERS)

_MINIMUM_SIDE = 16
_JPEG_QUALITY = 92


def _smooth_noise(
    generator: np.random.Generator, width: int, height: int, columns: int, rows: int
) -> np.ndarray:
    """Returns float32 [height, width] noise around 0 with about columns by rows bumps."""
    coarse = generator.normal(0, 1, (rows, columns)).astype(np.float32)
    fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(fine)


def _background(generator: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draws a plain, graded, mottled or wood-like ground in any colour."""
    colour = np.array(synthetic_canvas.pick_colour(generator), np.float32)
    grey = colour.mean()
    colour = grey + (colour - grey) * generator.uniform(0.1, 0.6)
    kind = generator.choice(("plain", "graded", "mottled", "wood"))
    relief = np.zeros((height, width))
    if kind == "graded":
        across, down = generator.uniform(-0.35, 0.35, 2)
        relief = np.linspace(-across, across, width) + np.linspace(-down, down, height)[:, None]
    elif kind == "mottled":
        columns = int(generator.integers(12, 60))
        relief = 0.1 * _smooth_noise(generator, width, height, columns, columns * 3 // 4)
    elif kind == "wood":
        grain = _smooth_noise(generator, width, height, 4, 24)
        wave = _smooth_noise(generator, width, height, 3, 3)
        relief = 0.08 * np.sin(6 * wave + 2 * grain) + 0.06 * grain
    pixels = np.clip(colour * (1 + relief[..., None]), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels, "RGB")
    return image.transpose(Image.Transpose.ROTATE_180) if generator.random() < 0.5 else image


def _place(generator: np.random.Generator, layer: Image.Image, image: Image.Image) -> Image.Image:
    """Turns, scales and shifts the object onto the image, over its own soft shadow."""
    width, height = image.size
    quarter_turns = generator.choice((0, 1, -1), p=(0.7, 0.15, 0.15))
    angle = np.deg2rad(generator.normal(0, 20) + 90 * quarter_turns)
    side = min(width, height) * generator.uniform(0.8, 1.15)
    shift = generator.uniform(-0.12, 0.12, 2) * (width, height)
    middle = np.array([width, height]) / 2 + shift
    # Pillow asks where each output point comes from, so this is the inverse of the movement.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn *= synthetic_canvas.CANVAS / side
    offset = synthetic_canvas.CANVAS / 2 - turn @ middle
    matrix = (*turn[0], offset[0], *turn[1], offset[1])
    placed = layer.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    strength = generator.uniform(0.2, 0.55)
    shadow = placed.getchannel("A").point(lambda alpha: alpha * strength)
    shadow = shadow.filter(ImageFilter.BoxBlur(side / 50))
    right, down = (int(step) for step in generator.uniform(-0.04, 0.04, 2) * side)
    image.paste((0, 0, 0), (right, down), shadow)
    image.paste(placed, (0, 0), placed)
    return image


def _light(generator: np.random.Generator, image: Image.Image) -> np.ndarray:
    """Applies brightness, gamma, colour cast, uneven light and sensor noise; uint8 [h, w, 3]."""
    pixels = np.asarray(image).astype(np.float32) / 255
    height, width = pixels.shape[:2]
    across, down = generator.uniform(-0.2, 0.2, 2)
    falloff = 1 + np.linspace(-across, across, width) + np.linspace(-down, down, height)[:, None]
    pixels = pixels ** np.float32(generator.uniform(0.7, 1.4))
    pixels *= falloff[..., None].astype(np.float32) * np.float32(generator.uniform(0.7, 1.2))
    pixels *= generator.uniform(0.85, 1.15, 3).astype(np.float32)
    noise = generator.standard_normal(pixels.shape, np.float32)
    pixels += noise * np.float32(generator.uniform(0.005, 0.03))
    return np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)


def draw_image(
    class_name: str, seed: int, index: int, size: tuple[int, int] = (128, 96)
) -> np.ndarray:
    """Draws one image, a pure function of its arguments.

    Args:
        class_name: One of CLASS_NAMES.
        seed: Seed of the whole set, 0 or more.
        index: Number of the image within its class, 0 or more.
        size: Width and height in pixels, each 16 or more.

    Returns:
        A uint8 array [height, width, 3], RGB, each value in 0..255.

    Raises:
        ValueError: If the class is unknown, or the seed, index or size is out of range.
    """
    if class_name not in CLASS_NAMES:
        raise ValueError(f"class_name must be one of {CLASS_NAMES}, got {class_name!r}.")
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be 0 or more, got {seed} and {index}.")
    if min(size) < _MINIMUM_SIDE:
        raise ValueError(f"size must be at least {_MINIMUM_SIDE} pixels each way, got {size}.")
    generator = np.random.default_rng([seed, CLASS_NAMES.index(class_name), index])
    layer = synthetic_objects.PAINTERS[class_name](
        generator, synthetic_canvas.pick_colour(generator, class_name)
    )
    # Drawing at twice the size and halving at the end smooths the jagged edges of the outlines.
    image = _place(generator, layer, _background(generator, size[0] * 2, size[1] * 2))
    return _light(generator, image.reduce(2))


def write_images(
    data_dir: str | os.PathLike,
    images_per_class: int = 60,
    seed: int = 0,
    size: tuple[int, int] = (128, 96),
) -> dict[str, int]:
    """Writes a folder of images per class, as DIR/<class>/<class><n>.jpg with n from 1.

    The set is written whole or not at all: next to data_dir, and renamed at the end.

    Args:
        data_dir: Folder to make; it may exist if it is empty. Missing parents are made.
        images_per_class: Number of images in each class, 3 or more.
        seed: Seed of the whole set, 0 or more.
        size: Width and height in pixels, each 16 or more.

    Returns:
        The number of images written, by class name, in the order of CLASS_NAMES.

    Raises:
        ValueError: If data_dir is in use, or a number is out of range.
        OSError: If the folder cannot be written.
    """
    if images_per_class < 3:
        raise ValueError(f"images_per_class must be 3 or more, got {images_per_class}.")
    target = Path(data_dir).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{data_dir} already exists and is not empty; choose another --data_dir.")
    jobs = [(name, index + 1) for name in CLASS_NAMES for index in range(images_per_class)]
    with local.atomic_write(target) as temporary:
        for name in CLASS_NAMES:
            (temporary / name).mkdir(parents=True)
        for name, number in tqdm(jobs, desc="Drawing images", unit="image"):
            image = Image.fromarray(draw_image(name, seed, number, size))
            image.save(temporary / name / f"{name}{number}.jpg", quality=_JPEG_QUALITY)
        if target.is_dir():
            target.rmdir()  # fails if somebody put something there meanwhile
    return dict.fromkeys(CLASS_NAMES, images_per_class)
