"""Image files by name: in folders, in object stores and in lists of names."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from trash_keras.data.catalog import is_image
from trash_keras.storage import remote
from trash_keras.storage.paths import expand
from trash_keras.storage.text_files import encoding


def iter_image_files(paths: Sequence[str], paths_file: str = "") -> Iterator[str]:
    """Yields the image files that a user names.

    Args:
        paths: Files and folders, paths or addresses. A file is yielded as it is named; of a folder
            the images in it and below, sorted. The names in a folder are held in memory, some
            200 bytes each.
        paths_file: Text file with an image file a line, read line by line, `~` for the home
            folder; or empty.

    Raises:
        OSError: A folder or `paths_file` cannot be read.
    """
    for path in paths:
        if remote.is_url(path):
            found = remote.find(path)
            yield from (name for name in found if name == path or is_image(name))
        elif os.path.isdir(path):
            yield from sorted(str(file) for file in Path(path).rglob("*") if is_image(file.name))
        else:
            yield path
    if paths_file:
        with open(paths_file, encoding=encoding(paths_file), errors="surrogateescape") as file:
            yield from (expand(line.rstrip("\r\n")) for line in file if line.strip())


def require_outside(folder: str, paths: Sequence[str]) -> None:
    """Checks that drawings (saliency maps) will not be taken for images to classify.

    Args:
        folder: Where the drawings are written.
        paths: Files and folders whose images are classified.

    Raises:
        ValueError: `folder` lies in one of `paths`, or not on this machine.
    """
    if remote.is_url(folder):
        raise ValueError(f"--explain takes a folder on this machine. Received: {folder}")
    for path in paths:
        if not remote.is_url(path) and Path(folder).resolve().is_relative_to(Path(path).resolve()):
            raise ValueError(
                f"--explain={folder} lies in {path}, so its drawings would be classified with the "
                "images there. Give a folder outside."
            )
