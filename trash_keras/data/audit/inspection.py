"""Files of a catalog -> what an audit needs to know about each, in one pass over the bytes."""

import dataclasses
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from trash_keras.data import decoding, formats
from trash_keras.data.catalog import Catalog
from trash_keras.data.places import locate
from trash_keras.host import cores

GREY_SIDE = 64  # pixels
# What `orientations` does to an image, in its order.
ORIENTATIONS = (
    "as it is",
    "mirrored left to right",
    "mirrored top to bottom",
    "turned by 180°",
    "mirrored at its diagonal",
    "turned by 90° clockwise",
    "turned by 90° anticlockwise",
    "mirrored at its other diagonal",
)
NO_SPLIT = "none"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a file is: path relative to the data folder, class and split."""

    file: str
    class_name: str
    split: str


@dataclasses.dataclass(frozen=True, eq=False)
class InspectedImage:
    """A file that could be read.

    Attributes:
        place: Where it is.
        sha256: Of the bytes, hexadecimal.
        kind: The format of the bytes, e.g. JPEG.
        width: Pixels.
        height: Pixels.
        grey: uint8 [64, 64], 0..255; the whole image, stretched.
        hashes: uint64 [8], the perceptual hash of each orientation of `grey`.
    """

    place: Place
    sha256: str
    kind: str
    width: int
    height: int
    grey: np.ndarray
    hashes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, and why."""

    place: Place
    reason: str


@dataclasses.dataclass(frozen=True)
class Inspection:
    """All files of a catalog, in its order."""

    images: tuple[InspectedImage, ...]
    unreadable: tuple[Unreadable, ...]


def inspect(catalog: Catalog, data_dir: str | os.PathLike) -> Inspection:
    """Reads, decodes and hashes every file of a catalog in threads, with a progress bar.

    The perceptual hash is pHash (Zauner, 2010, http://phash.org/docs/pubs/thesis_zauner.pdf) as
    the package imagehash computes it: 64 signs of the low frequencies of a small grey version.

    Args:
        catalog: Any catalog; also the files that it left out as undecodable are read.
        data_dir: Folder that its paths are relative to.

    Returns:
        About 5 kB for each image.

    Raises:
        ImportError: imagehash is missing.
    """
    import imagehash  # an extra; `audit.require_packages` says how to get it

    def look(place: Place) -> InspectedImage | Unreadable:
        try:
            encoded = locate(data_dir, place.file).read_bytes()
            kind, pixels = formats.identify(encoded), decoding.decode(encoded)
        except (OSError, ValueError) as error:
            return Unreadable(place, str(getattr(error, "strerror", None) or error))
        shape = (GREY_SIDE, GREY_SIDE)
        grey = np.asarray(Image.fromarray(pixels).convert("L").resize(shape, Image.Resampling.BOX))
        bits = [imagehash.phash(Image.fromarray(turned)).hash for turned in orientations(grey)]
        hashes = np.packbits(np.reshape(bits, (len(bits), 64)), axis=1).view(np.uint64)[:, 0]
        sha256 = hashlib.sha256(encoded).hexdigest()
        return InspectedImage(place, sha256, kind, pixels.shape[1], pixels.shape[0], grey, hashes)

    places = list(_places(catalog))
    with ThreadPoolExecutor(cores.available()) as pool:
        found = tuple(
            tqdm(pool.map(look, places), total=len(places), desc="Reading images", unit="file")
        )
    return Inspection(
        tuple(item for item in found if isinstance(item, InspectedImage)),
        tuple(item for item in found if isinstance(item, Unreadable)),
    )


def _places(catalog: Catalog) -> Iterator[Place]:
    for split, files in catalog.splits.items():
        for class_name in catalog.class_names:
            for path in files.get(class_name, ()):
                yield Place(path, class_name, split)
    for path in catalog.bad_files:
        folders = PurePosixPath(path).parts[:-1]
        known = [name for name in folders if name in catalog.class_names]
        yield Place(path, (known or folders or ("",))[-1], NO_SPLIT)


def orientations(image: np.ndarray) -> np.ndarray:
    """Returns the 8 flips and rotations of square images, in the order of `ORIENTATIONS`.

    Args:
        image: [..., side, side].

    Returns:
        [..., 8, side, side].
    """
    turned = image.swapaxes(-1, -2)
    return np.stack(
        [
            view
            for base in (image, turned)
            for view in (base, base[..., ::-1], base[..., ::-1, :], base[..., ::-1, ::-1])
        ],
        axis=-3,
    )


def wrong_extension(image: InspectedImage) -> bool:
    """Tells whether the suffix of a file names another format than its bytes have."""
    suffix = PurePosixPath(image.place.file).suffix.lower()
    return formats.SUFFIXES.get(suffix, image.kind) != image.kind
