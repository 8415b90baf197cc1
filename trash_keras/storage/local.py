"""Atomic writes: a temporary name in the same folder, then a rename. Whole or not at all."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary path whose file or folder becomes `path` when the block succeeds.

    The temporary name keeps the suffix of `path`, since Keras picks the format by it. When the
    block raises, it is removed and what was at `path` stays untouched.

    Args:
        path: Final name of a file or folder; what is there is replaced.

    Yields:
        Where to write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=".tmp"
    ) as aside:
        temporary = Path(aside) / path.name
        yield temporary
        if path.is_dir():
            # A folder cannot be replaced in one step: the old one is moved into the temporary
            # folder first, and removed with it.
            path.rename(Path(aside) / "old")
        os.replace(temporary, path)


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


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 text file; bytes of names that are not UTF-8 stay as they are."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes a JSON file, indented, keys in the order given, each list of numbers in one line."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    # A confusion matrix of 1,000 classes would have a million lines. No string has a line break.
    lists = re.compile(r"\[\n[-+.\deE,\s]*\]")
    write_text(path, lists.sub(lambda found: _one_line(found.group()), text))


def _one_line(numbers: str) -> str:
    return "[" + " ".join(numbers[1:-1].split()) + "]"


def remove(path: str | os.PathLike) -> None:
    """Removes a file or folder; nothing happens when there is none."""
    path = Path(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
