"""Data validation: which images cannot be decoded."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.data import equal_images, formats
from trash_keras.data.catalog import Catalog
from trash_keras.data.decoded import DecodedImages
from trash_keras.data.readers.base import Reader, calls_at_once, to_read

_AT_ONCE = 8  # images of a call, which costs as much as a fifth of decoding one


def verify_images(
    reader: Reader,
    paths: list[str],
    max_megapixels: float,
    digests: dict[str, str] | None = None,
    decoded: DecodedImages | None = None,
) -> dict[str, str]:
    """Decodes every image once, with a progress bar.

    Args:
        reader: Where the images are.
        paths: Images of the reader, in the order of `catalog.shuffle_key`.
        max_megapixels: Most pixels to decode, millions.
        digests: Gets path -> SHA-256 of the content of each image.
        decoded: Keeps what is decoded.

    Returns:
        Path -> reason, for each image that cannot be decoded.
    """
    if decoded is None:
        decoded = DecodedImages(1, "stretch", max_megapixels, megabytes=0)

    bad: dict[str, str] = {}

    def check(position: int, encoded: bytes) -> None:
        path = paths[position]
        try:
            content = encoded or reader.read(path)
            if digests is not None:
                digests[path] = hashlib.sha256(content).hexdigest()
            decoded.check(path, content)
        except formats.UndecodableError as error:
            bad[path] = str(error)
        except OSError as error:
            bad[path] = f"cannot be read: {error.strerror or error}"

    def check_all(positions: np.ndarray, encoded: np.ndarray) -> int:
        for position, content in zip(positions.tolist(), encoded.tolist(), strict=True):
            check(position, content)
        return len(positions)

    def checked(positions: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(check_all, [positions, encoded], tf.int64, stateful=False)

    images = to_read(reader, paths).batch(_AT_ONCE)
    with tqdm(total=len(paths), desc="Checking images", unit="image") as progress:
        for count in images.map(checked, num_parallel_calls=calls_at_once()).as_numpy_iterator():
            progress.update(count)
    return {path: bad[path] for path in paths if path in bad}


def images_sha256(reader: Reader, paths: list[str]) -> str:
    """Returns what `keep_decodable` notes about images, which are read but not decoded.

    Args:
        reader: Where they are.
        paths: Images of the reader, in the order of `catalog.shuffle_key`.
    """
    return _joined(digests(reader, paths))


def digests(reader: Reader, paths: list[str]) -> dict[str, str]:
    """Returns path -> SHA-256 of the content of images, which are read but not decoded.

    Args:
        reader: Where they are.
        paths: Images of the reader, in the order of `catalog.shuffle_key`.
    """
    found = tqdm(reader.encoded(paths).as_numpy_iterator(), "Comparing images", len(paths))
    return {paths[position]: hashlib.sha256(content).hexdigest() for position, content in found}


def _joined(digests: Mapping[str, str]) -> str:
    """Returns the SHA-256 of paths and content, whatever their order and place."""
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()


def keep_decodable(
    catalog: Catalog,
    reader: Reader,
    bad_files: str,
    max_megapixels: float,
    digests: dict[str, str] | None = None,
    decoded: DecodedImages | None = None,
) -> Catalog:
    """Decodes every image of a catalog once; refuses or leaves out those that fail.

    Args:
        catalog: Images of the reader.
        reader: Where they are.
        bad_files: error, or skip: leave them out and list them in the catalog.
        max_megapixels: Most pixels to decode, millions.
        digests: Gets path -> SHA-256 of the content of each image.
        decoded: Keeps what is decoded.

    Returns:
        The catalog without undecodable files, with `images_sha256` and `label_conflicts`.

    Raises:
        ValueError: There are such files and `bad_files` is error; or a class would be left empty.
    """
    paths = catalog.paths()
    digests = {} if digests is None else digests
    bad = verify_images(reader, paths, max_megapixels, digests, decoded)
    if bad and bad_files == "error":
        path, why = next(iter(bad.items()))
        raise ValueError(
            f"{len(bad)} of {len(paths)} files cannot be decoded: {path} ({why})"
            + (", and others. " if len(bad) > 1 else ". ")
            + "Repair or remove them, or leave them out with --bad_files=skip."
        )
    good = {path: digest for path, digest in digests.items() if path not in bad}
    kept = catalog.without(bad)
    conflicts = equal_images.label_conflicts(kept, good)
    return dataclasses.replace(kept, images_sha256=_joined(good), label_conflicts=conflicts)
