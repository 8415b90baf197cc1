"""Bytes -> square RGB picture: one function for training, evaluation, export and prediction."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf
from tqdm import tqdm

from trash_keras.data.catalog import Catalog

RESIZES = ("stretch", "crop", "pad")
PAD_VALUE = 127  # mid grey: as far from black as from white
_JPEG_START = b"\xff\xd8\xff"


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG or PNG.

    Args:
        encoded: string scalar, the bytes of the file.

    Returns:
        uint8 [height, width, 3], RGB, 0..255. Grey pictures get three equal channels; an alpha
        channel is dropped.

    Raises:
        tf.errors.InvalidArgumentError: When run, for anything that is not a whole JPEG or PNG.
    """
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG_START)) == _JPEG_START
    # The accurate DCT gives the pixels that Pillow gives; TensorFlow's default differs from them
    # by up to 4 grey levels.
    picture = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    picture.set_shape((None, None, 3))
    return picture


def resize_to_square(picture: tf.Tensor, image_size: int, resize: str) -> tf.Tensor:
    """Makes a picture square with antialiased bilinear interpolation.

    Args:
        picture: uint8 [height, width, 3].
        image_size: Side of the result, pixels.
        resize: stretch, crop (the centre) or pad (with grey bars).

    Returns:
        uint8 [image_size, image_size, 3], rounded to the nearest level.

    Raises:
        ValueError: Unknown `resize`.
    """
    if resize not in RESIZES:
        raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Received: {resize!r}")
    if resize == "stretch":
        target = tf.constant([image_size, image_size])
    else:
        sides = tf.cast(tf.shape(picture)[:2], tf.float32)
        fitted = tf.reduce_min(sides) if resize == "crop" else tf.reduce_max(sides)
        target = tf.maximum(tf.cast(tf.round(sides * (image_size / fitted)), tf.int32), 1)
    resized = tf.image.resize(picture, target, antialias=True)
    square = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    if resize != "stretch":
        # Padding fills with 0; XOR before and after turns just the bars into PAD_VALUE.
        square = tf.image.resize_with_crop_or_pad(square ^ PAD_VALUE, image_size, image_size)
        square = square ^ PAD_VALUE
    return tf.ensure_shape(square, (image_size, image_size, 3))


def load(path: tf.Tensor, image_size: int, resize: str) -> tf.Tensor:
    """Reads a picture file; `decode` and `resize_to_square` in one.

    Args:
        path: string scalar.
        image_size: Side of the result, pixels.
        resize: stretch, crop or pad.

    Returns:
        uint8 [image_size, image_size, 3].
    """
    return resize_to_square(decode(tf.io.read_file(path)), image_size, resize)


def find_bad_files(data_dir: str | os.PathLike, paths: Sequence[str]) -> dict[str, str]:
    """Decodes every file once, with a progress bar.

    Args:
        data_dir: Folder that `paths` are relative to.
        paths: Relative paths.

    Returns:
        Path -> reason, for each file that cannot be decoded.
    """

    def problem(path: str) -> str:
        try:
            decode(tf.io.read_file(os.path.join(data_dir, path)))
        except tf.errors.OpError as error:
            return reason(error)
        return ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found: Iterable[str] = tqdm(
            pool.map(problem, paths), total=len(paths), desc="Checking pictures", unit="file"
        )
        return {path: text for path, text in zip(paths, found, strict=True) if text}


def keep_decodable(catalog: Catalog, data_dir: str | os.PathLike, bad_files: str) -> Catalog:
    """Decodes every picture of a catalog once and deals with those that fail.

    Args:
        catalog: Any catalog.
        data_dir: Folder that its paths are relative to.
        bad_files: error, or skip: leave them out and list them in the catalog.

    Returns:
        The catalog without undecodable files.

    Raises:
        ValueError: There are such files and `bad_files` is error; or a class would be left empty.
    """
    paths = [path for split in catalog.splits for path in catalog.examples(split)[0]]
    bad = find_bad_files(data_dir, paths)
    if bad and bad_files == "error":
        path, why = next(iter(bad.items()))
        raise ValueError(
            f"{len(bad)} of {len(paths)} files cannot be decoded: {path} ({why})"
            + (", and others. " if len(bad) > 1 else ". ")
            + "Repair or remove them, or leave them out with --bad_files=skip."
        )
    return catalog.without(bad)


def reason(error: tf.errors.OpError) -> str:
    """Says in a few words why TensorFlow could not read or decode a picture."""
    if isinstance(error, tf.errors.InvalidArgumentError):
        return "not a whole JPEG or PNG"
    return error.message.splitlines()[0].split("; ")[-1]
