"""Installs a data set: fills a temporary folder, checks and marks it, and moves it into place."""

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from trash_keras.data import catalog, class_names, image_listing, split_folders
from trash_keras.storage import caches, local, text_files

MARKER = ".trash_keras-source.json"  # hidden, so that `catalog.scan` ignores it


def installed(target: Path, name: str, sha256: str = "") -> dict[str, int] | None:
    """Returns the counts when a folder already holds a source, None when it is free.

    Args:
        target: The data folder, there or not.
        name: The source, as `install` records it.
        sha256: Checksum that its archive had to have; empty for any.

    Raises:
        ValueError: The folder holds something else.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    try:
        record = text_files.from_json((target / MARKER).read_text(encoding="utf-8"))
        there, its_sha256, counts = record["source"], record["sha256"], dict(record["counts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{target} already exists and is not empty; choose another --data_dir."
        ) from error
    if there != name:
        raise ValueError(
            f"{target} already holds the images of {there}; choose another --data_dir for {name}."
        )
    if sha256 and sha256.lower() != its_sha256:
        raise ValueError(
            f"{target} holds {name} with the SHA-256 {its_sha256 or '(none: no archive)'}, not "
            f"{sha256.lower()}; choose another --data_dir."
        )
    return counts


def source(data_dir: str | os.PathLike) -> str | None:
    """Returns where the images of a folder came from, None if it is not recorded."""
    try:
        record = text_files.from_json((Path(data_dir) / MARKER).read_text(encoding="utf-8"))
        return str(record["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keeps other processes from filling the same folder; removes what a killed one left.

    Args:
        target: The data folder, there or not.
    """
    if not target.parent.is_dir():
        yield  # nobody else is at work there
        return
    lock = target.with_name(f".{target.name}.lock")
    with caches.alone(lock):
        for left in target.parent.glob(f".{glob.escape(target.stem[:40])}-????????.tmp"):
            local.remove(left)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def install(
    target: Path,
    name: str,
    fill: Callable[[Path], object],
    sha256: str = "",
    expected_counts: Mapping[str, int] | None = None,
    change: Callable[[Path], None] | None = None,
) -> dict[str, int]:
    """Fills a temporary folder, checks it, marks it, and moves it to the target: all or nothing.

    Args:
        target: The data folder; not there, or empty.
        name: Where the images come from, for the marker and messages.
        fill: Makes the folder at the path that it is given.
        sha256: Checksum of the archive, for the marker; empty when there was none.
        expected_counts: Class name -> number of images that there must be; None for any.
        change: Changes the folder after that; None leaves it as it is.

    Returns:
        Class name -> number of images.

    Raises:
        ValueError: There are no class folders with images, or not those expected.
    """
    with local.atomic_write(target) as temporary:
        fill(temporary)
        strip_wrapper(temporary)
        counts = _count(temporary, name)
        if expected_counts is not None and counts != dict(expected_counts):
            raise ValueError(
                f"{name} must hold {catalog.format_counts(expected_counts)} images. Received: "
                f"{catalog.format_counts(counts)}. Nothing was kept."
            )
        if change:
            change(temporary)
            counts = _count(temporary, name)
        record = {"source": name, "sha256": sha256, "counts": counts}
        local.write_json(temporary / MARKER, record)
        if target.is_dir():
            target.rmdir()  # fails if somebody put something there meanwhile
    return counts


def _count(folder: Path, name: str) -> dict[str, int]:
    try:
        files, passed = catalog.scan_all(folder)
    except class_names.ClassNameError:
        raise
    except ValueError as error:
        why = str(error).replace(str(folder), "It")
        raise ValueError(
            f"{name} holds no class folders with images. {why} Nothing was kept."
        ) from error
    image_listing.tell(passed, name)
    split_folders.tell(files)
    return split_folders.counts(files)


def strip_wrapper(folder: str | os.PathLike) -> None:
    """Moves the content of a single wrapping folder up, until class folders are on top.

    A wrapping folder is the only folder, has no images beside it, and holds folders but no images.
    """
    folder = Path(folder)
    while True:
        inner = [entry for entry in folder.iterdir() if entry.is_dir()]
        if len(inner) != 1 or _has_images(folder) or _has_images(inner[0]):
            return
        if not any(entry.is_dir() for entry in inner[0].iterdir()):
            return
        aside = inner[0].rename(folder / ".wrapper")
        for entry in aside.iterdir():
            local.remove(folder / entry.name)  # replaces a file beside the wrapper
            entry.rename(folder / entry.name)
        aside.rmdir()


def _has_images(folder: Path) -> bool:
    return any(image_listing.is_image_file(entry) for entry in folder.iterdir())
