"""Image files by name: in folders, in object stores and in lists of names."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from trash_keras.data import formats, image_listing
from trash_keras.storage import remote
from trash_keras.storage.paths import expand
from trash_keras.storage.text_files import encoding


def iter_image_files(paths: Sequence[str], paths_file: str = "") -> Iterator[str]:
    """Yields the image files that a user names.

    Args:
        paths: Files and folders, paths or addresses. A file is yielded as it is named; of a folder
            the images in it and below, sorted, as `image_listing` finds them; a line on stderr
            says what it passes over. The names in a folder are held in memory, some 200 bytes
            each.
        paths_file: Text file with an image file a line, read line by line, `~` for the home
            folder; or empty.

    Raises:
        OSError: A folder or `paths_file` cannot be read.
        ValueError: There is no image at all; raised when all has been looked through.
    """
    some = False
    passed: dict[str, list[str]] = {}
    for name in _named(paths, paths_file, passed):
        some = True
        yield name
    if not some:
        places = ", ".join([*paths, *filter(None, [paths_file])])
        raise image_listing.no_images(places, passed, f"{formats.NAMES} files can be read")


def _named(paths: Sequence[str], paths_file: str, passed: dict[str, list[str]]) -> Iterator[str]:
    for path in paths:
        if remote.is_url(path) and remote.is_folder(path):
            address, found = image_listing.list_remote(path)
            names = [f"{address}/{name}" for name in found.images]
        elif not remote.is_url(path) and os.path.isdir(path):
            found = image_listing.list_folder(path)
            names = [str(Path(path, name)) for name in found.images]
        else:
            yield path
            continue
        image_listing.tell(found.passed_over, path)
        for reason, others in found.passed_over.items():
            passed.setdefault(reason, []).extend(others)
        yield from names
    if paths_file:
        with open(paths_file, encoding=encoding(paths_file), errors="surrogateescape") as file:
            yield from (expand(line.rstrip("\r\n")) for line in file if line.strip())


def require_outside(flag: str, folder: str, paths: Sequence[str]) -> None:
    """Checks that images which are written will not be taken for images to classify.

    Args:
        flag: Name of the flag, for the message.
        folder: Where they are written.
        paths: Files and folders whose images are classified.

    Raises:
        ValueError: `folder` lies in one of `paths`, or not on this machine.
    """
    if remote.is_url(folder):
        raise ValueError(f"--{flag} takes a folder on this machine. Received: {folder}")
    for path in paths:
        if not remote.is_url(path) and Path(folder).resolve().is_relative_to(Path(path).resolve()):
            raise ValueError(
                f"--{flag}={folder} lies in {path}, so what is written there would be classified "
                "with the images. Give a folder outside."
            )
