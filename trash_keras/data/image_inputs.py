"""What a user passes as an image -> the square image that a model takes.

A file, its bytes, the PIL image opened from it and the array of its pixels give the same square.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from trash_keras.data import decoding
from trash_keras.data.formats import UndecodableError
from trash_keras.host import cores
from trash_keras.storage import remote

# Path or address of a file, its bytes, a PIL image, or [height, width, 3] as `to_uint8` takes it.
ImageInput = str | os.PathLike | bytes | Image.Image | np.ndarray


def name_of(image: ImageInput) -> str:
    """Returns the path or address of an image; empty if it has none."""
    if isinstance(image, str | os.PathLike):
        return os.fspath(image)
    return str(getattr(image, "filename", ""))  # of a PIL image that was opened from a file


def open_squares(
    images: Sequence[ImageInput],
    image_size: int,
    resize: str,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> list[np.ndarray | UndecodableError]:
    """Opens images and makes them square, on all cores; addresses are fetched side by side.

    Args:
        images: Of any of these types, mixed.
        image_size: Side of the results, pixels.
        resize: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        For each image uint8 [image_size, image_size, 3], RGB, or why it cannot be read.

    Raises:
        OSError: An object store does not respond.
        ValueError: Something is not an image at all, see `to_uint8`.
    """
    addresses = [image for image in images if _is_address(image)]
    with ThreadPoolExecutor(max(len(addresses), 1)) as pool:
        fetched = pool.map(_fetch, map(name_of, addresses))
        contents = [next(fetched) if _is_address(image) else image for image in images]

    def square(content: ImageInput | UndecodableError) -> np.ndarray | UndecodableError:
        try:
            return _square(content, image_size, resize, max_megapixels)
        except UndecodableError as error:
            return error

    with ThreadPoolExecutor(cores.available()) as pool:
        # A PIL image may come twice, and two threads must not read its file at once.
        later = [
            None if isinstance(content, Image.Image) else pool.submit(square, content)
            for content in contents
        ]
        return [
            one.result() if one else square(content)
            for one, content in zip(later, contents, strict=True)
        ]


def _is_address(image: ImageInput) -> bool:
    return isinstance(image, str | os.PathLike) and remote.is_url(image)


def _square(
    image: ImageInput | UndecodableError, image_size: int, resize: str, max_megapixels: float
) -> np.ndarray:
    if isinstance(image, UndecodableError):
        raise image
    if isinstance(image, np.ndarray):
        return decoding.resize_to_square(to_uint8(image), image_size, resize)
    if isinstance(image, Image.Image):
        return decoding.load_pil(image, image_size, resize, max_megapixels)
    if isinstance(image, str | os.PathLike):
        image = decoding.read_bytes(image)
    if isinstance(image, bytes):
        return decoding.load(image, image_size, resize, max_megapixels)
    raise ValueError(
        "An image is a path, the bytes of a file, a PIL image or an array [height, width, 3]. "
        f"Received: {type(image).__name__}"
    )


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Checks the pixels of one image.

    Args:
        pixels: uint8 or float [height, width, 3], RGB, 0..255; floats are rounded.

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: Another shape or dtype, values that are not finite or out of range, or floats
            that are scaled to 0..1: none above 1, and not all of them whole numbers.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(
            "An array of an image must have the shape [height, width, 3], RGB. "
            f"Received: {list(pixels.shape)}"
        )
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(
            f"An array of an image must be uint8 or float, 0..255. Received: {pixels.dtype}"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255):  # NaN is neither
        raise ValueError(f"Values of an image must be 0..255. Received: {low:g} to {high:g}")
    if high <= 1 and (pixels != np.rint(pixels)).any():
        raise ValueError(
            "Values of an image must be 0..255. Received values scaled to 0..1: multiply by 255."
        )
    return np.rint(pixels).astype(np.uint8)


def _fetch(address: str) -> bytes | UndecodableError:
    """Returns a file of an object store, or why it cannot be had."""
    try:
        return remote.read_bytes(address)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        return UndecodableError(" ".join(str(error).split()) or type(error).__name__)
    except (ImportError, OSError):
        raise
    except (
        Exception
    ) as error:  # each client has its own errors; a store that is down is no bad image
        raise OSError(f"{address} cannot be fetched: {error}") from error


def require_some(images: Iterable[ImageInput]) -> list[ImageInput]:
    """Returns the images as a list.

    Raises:
        ValueError: There are none.
    """
    found = list(images)
    if not found:
        raise ValueError("There are no images to predict. Name at least one.")
    return found
