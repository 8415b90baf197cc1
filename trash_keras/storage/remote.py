"""Files in local folders and in object stores: `gs://`, `s3://` and all that fsspec knows.

For jobs that may run on several machines; what is always local goes through `storage.local`.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trash_keras.host.packages import install_hint
from trash_keras.storage import local
from trash_keras.storage.names import to_bytes

_CHUNK = 1 << 20  # bytes
# Scheme of an address -> extra of this package that brings its client.
EXTRAS = {"gs": "gcs", "gcs": "gcs", "s3": "s3", "s3a": "s3"}


def is_url(path: str | os.PathLike) -> bool:
    """Tells whether `path` is an address in an object store or on a server."""
    return "://" in str(path)


def join(folder: str | os.PathLike, name: str) -> str:
    """Returns the path or address of `name` in `folder`."""
    return f"{str(folder).rstrip('/')}/{name}" if is_url(folder) else os.path.join(folder, name)


def open_filesystem(path: str | os.PathLike, **options: Any) -> tuple[Any, str]:
    """Returns the fsspec file system of a path or address, and its path in there.

    Args:
        path: A local path or an address.
        **options: For the client of such addresses.

    Raises:
        ImportError: The client of such addresses is not installed; says which.
        ValueError: Unknown scheme.
    """
    import fsspec  # late, since predicting from local files does without

    if not is_url(path):
        return fsspec.filesystem("file"), os.path.abspath(path)
    try:
        return fsspec.core.url_to_fs(str(path), **options)
    except ImportError as error:
        scheme = str(path).partition("://")[0].lower()
        extra = EXTRAS.get(scheme)
        remedy = install_hint(extra) if extra else str(error)
        # Without the rest of the address, which may hold a password.
        raise ImportError(f"{scheme}:// needs a package that is not installed: {remedy}") from error


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """`local.atomic_write` for paths and addresses: a file is written whole or not at all.

    An object store gets the finished file in one upload, and shows it once that is complete.

    Args:
        path: Final path or address of a file.

    Yields:
        A local path to write to.
    """
    if not is_url(path):
        with local.atomic_write(path) as temporary:
            yield temporary
        return
    filesystem, target = open_filesystem(path)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / os.path.basename(target)
        yield temporary
        filesystem.put_file(str(temporary), target)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 text file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def read_bytes(path: str | os.PathLike, start: int | None = None, end: int | None = None) -> bytes:
    """Returns a file's bytes, or those from `start` up to but not including `end`.

    Raises:
        FileNotFoundError: There is no such file.
    """
    filesystem, source = open_filesystem(path)
    return filesystem.cat_file(source, start=start, end=end)


def read_all(folder: str | os.PathLike, names: list[str]) -> list[bytes]:
    """Returns the content of many small files of a folder, fetched side by side."""
    filesystem, root = open_filesystem(folder)
    paths = [f"{root}/{name}" for name in names]
    found = filesystem.cat(paths) if paths else {}
    return [found[path] for path in paths]


def names(folder: str | os.PathLike) -> set[str]:
    """Returns the names of what lies in a folder; nothing when there is no such folder."""
    filesystem, root = open_filesystem(folder)
    filesystem.invalidate_cache(root)  # others write there too
    try:
        return {os.path.basename(path.rstrip("/")) for path in filesystem.ls(root, detail=False)}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def is_folder(path: str | os.PathLike) -> bool:
    """Tells whether there is a folder at a path or address."""
    filesystem, root = open_filesystem(path)
    return bool(filesystem.isdir(root))


def remove(path: str | os.PathLike) -> None:
    """Removes a file; nothing happens when there is none."""
    filesystem, target = open_filesystem(path)
    with contextlib.suppress(FileNotFoundError):
        filesystem.rm_file(target)


def exists(path: str | os.PathLike) -> bool:
    """Tells whether there is a file or folder."""
    filesystem, target = open_filesystem(path)
    return bool(filesystem.exists(target))


def remove_folder(path: str | os.PathLike) -> None:
    """Removes a folder and all in it; nothing happens when there is none."""
    filesystem, target = open_filesystem(path)
    with contextlib.suppress(FileNotFoundError):
        filesystem.rm(target, recursive=True)


@contextlib.contextmanager
def local_copy(path: str | os.PathLike) -> Iterator[str]:
    """Gives a local path of a file or folder: itself, or a copy that goes away with the block."""
    if not is_url(path):
        yield str(path)
        return
    filesystem, source = open_filesystem(path)
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, os.path.basename(source.rstrip("/")))
        with contextlib.suppress(FileNotFoundError):  # the reader says what is missing
            filesystem.get(source.rstrip("/"), target, recursive=filesystem.isdir(source))
        yield target


def checksum(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a local file, or of all names and files of a local folder."""
    path = Path(path)
    digest = hashlib.sha256()
    inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in inside:
        if path.is_dir():
            name = to_bytes(file.relative_to(path).as_posix())
            digest.update(name + f"\0{file.stat().st_size}\0".encode())
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
