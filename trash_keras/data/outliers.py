"""Folders of images that belong to none of the classes: out-of-distribution (OOD) images.

`evaluate --ood_dir` measures with them, `train --other_dir` trains with them (outlier exposure).
"""

import os
from collections.abc import Iterable, Sequence

from trash_keras.data import decoding, image_listing, validation
from trash_keras.data.catalog import WHOLE, Catalog, shuffle_key
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader, Reader

CLASS = "ood"  # that the images are catalogued as


def named_splits(
    folders: str | os.PathLike, max_megapixels: float = decoding.MAX_MEGAPIXELS
) -> dict[str, Split]:
    """Lists the OOD images of one or more folders.

    Args:
        folders: FOLDER, or several separated by commas, each with a name or without one:
            near=FOLDER,far=FOLDER. A folder is called by its own name where it has no other.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        Name -> `split` of the folder, in the order given.

    Raises:
        ValueError: As `split`, or two folders have one name, or are the same.
    """
    text = os.fspath(folders)
    found: dict[str, str] = {}
    for part in [text] if os.path.isdir(text) else text.split(","):
        name, equals, folder = part.strip().partition("=")
        if not equals or os.path.isdir(part):
            folder = part.strip()
            name = os.path.basename(os.path.abspath(folder))
        if name in found:
            raise ValueError(
                f"Two folders of --ood_dir are called {name}. Give each a name of its own, as in "
                f"--ood_dir=near=FOLDER,far=FOLDER. Received: {text}"
            )
        found[name] = os.path.expanduser(folder)
    return {name: split(folder, "ood_dir", max_megapixels) for name, folder in found.items()}


def split(
    folder: str | os.PathLike, flag: str, max_megapixels: float = decoding.MAX_MEGAPIXELS
) -> Split:
    """Lists the OOD images of a folder; those that cannot be decoded are in `bad_files`.

    Args:
        folder: Has images in it, or in folders below.
        flag: That names it, for messages.
        max_megapixels: Most pixels to decode, millions.

    Raises:
        ValueError: There is no such folder, or no image in it that can be decoded.
    """
    if not os.path.isdir(folder):  # Path("") would be the working folder
        raise ValueError(f"--{flag} must be a folder of images. Received: {folder}")
    found = image_listing.list_folder(folder)
    image_listing.tell(found.passed_over, folder)
    paths = sorted(found.images, key=shuffle_key)
    reader = FolderReader(folder)
    bad = validation.verify_images(reader, paths, max_megapixels) if paths else {}
    kept = tuple(path for path in paths if path not in bad)
    if not kept:
        raise ValueError(
            f"--{flag}={folder} has no image that can be decoded, of {len(paths)} files "
            "that are taken for images."
        )
    catalog = Catalog((CLASS,), {WHOLE: {CLASS: kept}}, tuple(bad))
    return Split(catalog, WHOLE, reader, max_megapixels=max_megapixels)


def origins(name: str, images: Split) -> list[tuple[str, str]]:
    """Returns for each OOD image the name of its folder and its kind, in order.

    The kind is the folder on top that it lies in, and empty for an image that lies in none.

    Args:
        name: Of the folder.
        images: From `split`.
    """
    return [(name, path.rpartition("/")[0].partition("/")[0]) for path in images.examples()[0]]


def require_others(splits: Iterable[Split], reader: Reader, paths: Sequence[str]) -> None:
    """Refuses OOD images that are images of the classes, byte for byte, under any name.

    Args:
        splits: From `split`.
        reader: Where the images of the classes are.
        paths: Those images, in the order of `catalog.shuffle_key`.

    Raises:
        ValueError: There are such images; the message names one.
    """
    known = {sha256: path for path, sha256 in validation.digests(reader, list(paths)).items()}
    for images in splits:
        there = validation.digests(images.reader, images.examples()[0])
        same = [path for path, sha256 in there.items() if sha256 in known]
        if same:
            raise ValueError(
                f"{len(same)} of {len(there)} images that should be of none of the classes are "
                f"images of the classes: {same[0]} is {known[there[same[0]]]}, byte for byte. "
                "Remove them, or name another folder."
            )
