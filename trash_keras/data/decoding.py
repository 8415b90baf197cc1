"""Bytes -> square RGB image: one function for training, evaluation and inference.

Pillow and NumPy do it, so that a program without TensorFlow gets the same pixels. The SavedModel
signature `serve_bytes` does it in TensorFlow operations: `trash_keras/exporters/tf_decoding.py`.
"""

import math
import os
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from trash_keras.config import DataConfig
from trash_keras.data import formats, jpeg_scans
from trash_keras.data.formats import UndecodableError
from trash_keras.metadata import RESIZES

PAD_VALUE = 127  # mid grey: as far from black as from white
MOST_SIDE = 65_535  # pixels, as of a JPEG; Pillow takes 50 bytes a row beside the pixels
DRAFT = 4  # JPEGs with sides so many times those of the square are decoded smaller
MAX_MEGAPIXELS: float = DataConfig.max_megapixels
# Files -> their encoded bytes. Files that cannot be read may be missing from what is returned.
ReadImages = Callable[[list[str]], Mapping[str, bytes]]


def decode(encoded: bytes, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Decodes a JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF file; the content decides which.

    Of animations and files of several images, the first or main image is taken. The EXIF
    orientation is applied, transparency is put on white, 16 bits become 8. RGB with a colour
    profile is converted to sRGB (`colour.to_srgb`); CMYK becomes RGB without its profile.

    Args:
        encoded: The bytes of the file.
        max_megapixels: Most pixels to decode, millions; the header says how many there are.

    Returns:
        uint8 [height, width, 3], RGB, 0..255.

    Raises:
        UndecodableError: It is anything else, or damaged.
    """
    return np.asarray(_decode(encoded, max_megapixels))


def _decode(encoded: bytes, max_megapixels: float, least: int = MOST_SIDE) -> Image.Image:
    """Decodes a file; a JPEG with sides over `least` may come smaller, but not below that."""
    kind = formats.identify(encoded)
    try:
        image = formats.open_header(encoded, kind)
        pixels = image.width * image.height
        if kind == "JPEG" and jpeg_scans.is_too_much(encoded, pixels, max_megapixels):
            raise UndecodableError(f"JPEG of more than {jpeg_scans.MOST} scans, or of many pixels")
        _check_size(image, max_megapixels)
        _shrink(image, least)
        return _upright_rgb(image, bits=encoded[24] if kind == "PNG" else 8)
    except UndecodableError:
        raise
    except Exception as error:  # decoders raise all kinds of errors
        raise UndecodableError(formats.reason(encoded, kind, error)) from error


def _check_size(image: Image.Image, max_megapixels: float) -> None:
    if image.width * image.height > max_megapixels * 1e6:
        raise formats.TooManyPixelsError(
            f"{image.width} x {image.height} pixels are over the limit of "
            f"{max_megapixels:g} megapixels (--max_megapixels)"
        )
    if max(image.size) > MOST_SIDE:
        raise formats.TooManyPixelsError(
            f"{image.width} x {image.height} pixels have a side over {MOST_SIDE}"
        )


def _shrink(image: Image.Image, least: int) -> None:
    """Has a JPEG decoded to an 8th, a quarter or half of its sides, unless that is below `least`.

    The decoder averages blocks of pixels in the frequency domain, before it computes any: a
    photograph of 12 megapixels takes a third less. Only sides that this divides, so that no pixel
    is of a part of a block.
    """
    for factor in (8, 4, 2):
        smaller = image.width // factor, image.height // factor
        if min(smaller) >= least and not (image.width % factor or image.height % factor):
            image.draft(image.mode, smaller)
            return


def _upright_rgb(image: Image.Image, bits: int) -> Image.Image:
    image.load()
    rgb = formats.to_rgb(image, bits)
    return formats.upright(rgb, image.info.get("exif", b""))


def resize_to_square(image: np.ndarray, image_size: int, resize: str) -> np.ndarray:
    """Makes an image square with antialiased bilinear interpolation.

    Args:
        image: uint8 [height, width, 3].
        image_size: Side of the result, pixels.
        resize: stretch, crop (the centre) or pad (with grey bars).

    Returns:
        uint8 [image_size, image_size, 3], rounded to the nearest level.

    Raises:
        ValueError: Unknown `resize`.
    """
    return _square(Image.fromarray(image), image_size, resize)


def _square(image: Image.Image, image_size: int, resize: str) -> np.ndarray:
    if resize not in RESIZES:
        raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Received: {resize!r}")
    sides = np.array([image.height, image.width], np.float32)
    whole = np.array([image_size, image_size])  # height and width that the whole image gets
    if resize != "stretch":
        fitted = sides.min() if resize == "crop" else sides.max()
        whole = np.maximum(np.rint(sides * (np.float32(image_size) / fitted)), 1).astype(int)
    kept = np.minimum(whole, image_size)
    # Only the part that is kept is computed: a narrow strip, enlarged as a whole, fills any memory.
    first = (whole - kept) // 2
    top, left = (first * sides / whole).tolist()
    bottom, right = np.minimum((first + kept) * sides / whole, sides).tolist()
    height, width = kept.tolist()
    square = np.full((image_size, image_size, 3), PAD_VALUE, np.uint8)
    bar, margin = ((image_size - kept) // 2).tolist()
    # First across, then down: in one call, Pillow begins with what is less work, to other levels.
    reach = (bottom - top) / height + 1  # of a pixel of the square beyond the part that is kept
    start, end = max(int(top - reach), 0), min(math.ceil(bottom + reach), image.height)
    narrow = image.resize(
        (width, end - start), Image.Resampling.BILINEAR, (left, start, right, end)
    )
    kept_part = narrow.resize(
        (width, height), Image.Resampling.BILINEAR, (0, top - start, width, bottom - start)
    )
    square[bar : bar + height, margin : margin + width] = np.asarray(kept_part)
    return square


def load(
    encoded: bytes, image_size: int, resize: str, max_megapixels: float = MAX_MEGAPIXELS
) -> np.ndarray:
    """Decodes a file and makes it square; `decode` and `resize_to_square` in one.

    Of JPEGs at least `DRAFT` times as large, blocks are averaged while they are decoded. That
    changes levels by less than one on average.

    Args:
        encoded: The bytes of the file.
        image_size: Side of the result, pixels.
        resize: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        uint8 [image_size, image_size, 3], RGB.

    Raises:
        UndecodableError: As `decode`.
    """
    return _square(_decode(encoded, max_megapixels, DRAFT // 2 * image_size), image_size, resize)


def load_pil(
    image: Image.Image, image_size: int, resize: str, max_megapixels: float = MAX_MEGAPIXELS
) -> np.ndarray:
    """Makes a PIL image square, as `load` does with a file.

    Args:
        image: Of any mode but I and F, whose range is unknown; its pixels may not be
            read yet. It is not changed.
        image_size: Side of the result, pixels.
        resize: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        uint8 [image_size, image_size, 3], RGB.

    Raises:
        UndecodableError: Its pixels cannot be read.
        ValueError: Mode I or F, or no pixels.
    """
    if image.mode in ("I", "F") or 0 in image.size:
        raise ValueError(
            "A PIL image must have pixels, of a mode with a known range like RGB, RGBA, L or CMYK. "
            f"Received: mode {image.mode}, {image.width} x {image.height} pixels"
        )
    # What is left of a PNG of 16 bits: its mode, or a transparent colour as the file has it.
    key = image.info.get("transparency", 0) if image.mode in ("L", "RGB") else 0
    bits = 16 if image.mode.startswith("I") or np.max(key) > 255 else 8
    try:
        _check_size(image, max_megapixels)
        rgb = _upright_rgb(image, bits)
    except UndecodableError:
        raise
    except Exception as error:  # as for a file
        raise UndecodableError(formats.reason(bytes(8), image.format or "image", error)) from error
    return _square(rgb, image_size, resize)


def read_bytes(path: str | os.PathLike) -> bytes:
    """Reads an image file.

    Raises:
        UndecodableError: The file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        why = getattr(error, "strerror", None) or error
        raise UndecodableError(f"cannot be read: {why}") from error
