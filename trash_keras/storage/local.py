"""Atomic writes: a temporary name in the same folder, then a rename. Whole or not at all."""

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trash_keras.storage import checksums

LOCK = ".lock"  # in a folder that `storage.locks` locks
# Temporary names of `atomic_write` and `checksums.note`.
_LEFT = re.compile(r"\..*-[a-z0-9_]{8}\.tmp|\..+\.sha256\.tmp", re.DOTALL)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL = re.compile(
    r"no space left on device|disk quota exceeded|file too large|errno ?= ?(28|122|27)\b", re.I
)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, checked: bool = False) -> Iterator[Path]:
    """Gives a temporary path whose file or folder becomes `path` when the block succeeds.

    The temporary name keeps the suffix of `path`, since Keras picks the format by it. When the
    block raises, it is removed and what was at `path` stays untouched.

    Args:
        path: Final name of a file or folder; what is there is replaced.
        checked: Note the checksum of a file, so that readers notice damage.

    Yields:
        Where to write.

    Raises:
        OSError: There is no space, whatever a library made of that.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=".tmp"
    ) as aside:
        temporary = Path(aside) / path.name
        with _telling_of_full_disks(path):
            yield temporary
            if checked and temporary.is_file():
                checksums.note(path, temporary)
            else:
                checksums.forget(path)
        if path.is_dir():
            # A folder cannot be replaced in one step: the old one is moved into the temporary
            # folder first, and removed with it.
            path.rename(Path(aside) / "old")
        os.replace(temporary, path)


def sweep(folder: str | os.PathLike, below: bool = True) -> None:
    """Removes what killed processes left half-written; nobody else may write there meanwhile.

    Args:
        folder: Where to look.
        below: Look into the folders in it, too, but for those that have a lock of their own.
    """
    for place, folders, files in os.walk(os.fspath(folder)):
        for name in filter(_LEFT.fullmatch, [*folders, *files]):
            remove(Path(place, name))
        folders[:] = [
            name
            for name in folders
            if below and not os.path.exists(os.path.join(place, name, LOCK))
        ]


@contextlib.contextmanager
def _telling_of_full_disks(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise OSError(
            f"There is no space to write {path}. Free some on its disk, or in "
            f"{tempfile.gettempdir()}, and start the same command again: what was there is kept."
        ) from error


def is_disk_full(error: BaseException | None) -> bool:
    """Tells whether an error comes from a disk without space, or from a quota.

    TensorFlow and HDF5 make errors of their own of it, which have it in their text.
    """
    while error:
        if getattr(error, "errno", None) in FULL or _FULL.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def require_folder(flag: str, path: str | os.PathLike) -> None:
    """Checks before hours of work that a folder can be made or written to.

    Args:
        flag: Name of the flag, for the message.
        path: The folder, which need not be there; empty or an address is not checked.

    Raises:
        ValueError: The path, or one above it, is a file.
    """
    if not os.fspath(path) or "://" in os.fspath(path):
        return
    for place in (Path(path), *Path(path).parents):
        if place.exists() and not place.is_dir():
            raise ValueError(f"--{flag} takes a folder. Received: {path}; {place} is a file.")


def write_text(path: str | os.PathLike, text: str, checked: bool = False) -> None:
    """Writes a UTF-8 text file; bytes of names that are not UTF-8 stay as they are."""
    with atomic_write(path, checked) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: str | os.PathLike, value: Any, checked: bool = False) -> None:
    """Writes a JSON file, indented, keys in the order given, each list of numbers in one line."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    # A confusion matrix of 1,000 classes would have a million lines. No string has a line break.
    lists = re.compile(r"\[\n[-+.\deE,\s]*\]")
    write_text(path, lists.sub(lambda found: _one_line(found.group()), text), checked)


def _one_line(numbers: str) -> str:
    return "[" + " ".join(numbers[1:-1].split()) + "]"


def remove(path: str | os.PathLike) -> None:
    """Removes a file, with its checksum, or a folder; nothing happens when there is none."""
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
        checksums.forget(path)
