"""Local folders and object stores alike: `gs://`, `s3://` and whatever else fsspec knows.

Only what a job that may run on other machines needs; local artefacts go through `files`.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trash_keras.storage import local

_CHUNK = 1 << 20  # bytes
# Kind of address -> extra of this package that brings its client.
EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}


def is_url(path: str | os.PathLike) -> bool:
    """Says whether `path` names something in an object store or on a server."""
    return "://" in str(path)


def join(folder: str | os.PathLike, name: str) -> str:
    """Returns the path or address of `name` in `folder`."""
    return f"{str(folder).rstrip('/')}/{name}" if is_url(folder) else os.path.join(folder, name)


def open_filesystem(path: str | os.PathLike, **options: Any) -> tuple[Any, str]:
    """Returns the fsspec file system of a path or address, and its path in there.

    Args:
        path: A local path or an address.
        **options: Of the client of such addresses.

    Raises:
        ImportError: The client of such addresses is not installed; says which.
        ValueError: Unknown kind of address.
    """
    import fsspec  # late, since predicting from local files does without

    if not is_url(path):
        return fsspec.filesystem("file"), os.path.abspath(path)
    try:
        return fsspec.core.url_to_fs(str(path), **options)
    except ImportError as error:
        scheme = str(path).partition("://")[0].lower()
        extra = EXTRAS.get(scheme)
        remedy = f"pip install 'trash-keras[{extra}]'" if extra else str(error)
        # Without the rest of the address, which may hold a password.
        raise ImportError(f"{scheme}:// needs a package that is not installed: {remedy}") from error


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """`files.replacing` for any place: what is written here lands whole or not at all.

    An object store gets the finished file in one upload, and shows it when that is complete.

    Args:
        path: Final path or address of a file.

    Yields:
        A local path to write to.
    """
    if not is_url(path):
        with local.atomic_write(path) as temporary:
            yield temporary
        return
    store, target = open_filesystem(path)
    with tempfile.TemporaryDirectory() as room:
        temporary = Path(room) / os.path.basename(target)
        yield temporary
        store.put_file(str(temporary), target)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 text file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_bytes(path: str | os.PathLike, start: int | None = None, end: int | None = None) -> bytes:
    """Returns a file's bytes, or those from `start` up to but not including `end`.

    Raises:
        FileNotFoundError: There is no such file.
    """
    store, source = open_filesystem(path)
    return store.cat_file(source, start=start, end=end)


def read_all(folder: str | os.PathLike, names: list[str]) -> list[bytes]:
    """Returns the content of many small files of a folder, fetched side by side."""
    store, root = open_filesystem(folder)
    paths = [f"{root}/{name}" for name in names]
    found = store.cat(paths) if paths else {}
    return [found[path] for path in paths]


def names(folder: str | os.PathLike) -> set[str]:
    """Returns the names of what lies in a folder; nothing when there is no such folder."""
    store, root = open_filesystem(folder)
    store.invalidate_cache(root)  # others write there too
    try:
        return {os.path.basename(path.rstrip("/")) for path in store.ls(root, detail=False)}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def find(folder: str) -> list[str]:
    """Returns the sorted addresses of all files in and below a folder of an object store.

    An address that is no folder comes back as it is.
    """
    store, root = open_filesystem(folder)
    if not store.isdir(root):
        return [folder]
    return sorted(store.unstrip_protocol(path) for path in store.find(root))


def remove(path: str | os.PathLike) -> None:
    """Removes a file; nothing happens when there is none."""
    store, target = open_filesystem(path)
    with contextlib.suppress(FileNotFoundError):
        store.rm_file(target)


def exists(path: str | os.PathLike) -> bool:
    """Tells whether there is a file or folder."""
    store, target = open_filesystem(path)
    return bool(store.exists(target))


def remove_folder(path: str | os.PathLike) -> None:
    """Removes a folder and all in it; nothing happens when there is none."""
    store, target = open_filesystem(path)
    with contextlib.suppress(FileNotFoundError):
        store.rm(target, recursive=True)


@contextlib.contextmanager
def local_copy(path: str | os.PathLike) -> Iterator[str]:
    """Gives a local path of a file or folder: itself, or a copy that goes away with the block."""
    if not is_url(path):
        yield str(path)
        return
    store, source = open_filesystem(path)
    with tempfile.TemporaryDirectory() as room:
        target = os.path.join(room, os.path.basename(source.rstrip("/")))
        with contextlib.suppress(FileNotFoundError):  # the reader says what is missing
            store.get(source.rstrip("/"), target, recursive=store.isdir(source))
        yield target


def checksum(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a local file, or of all names and files of a local folder."""
    path = Path(path)
    digest = hashlib.sha256()
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in inside:
        if path.is_dir():
            digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
