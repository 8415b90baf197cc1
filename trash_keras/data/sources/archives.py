"""Zip and tar archives of unknown origin -> a folder: nothing outside it, nothing unbounded."""

import bz2
import dataclasses
import functools
import gzip
import lzma
import os
import posixpath
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from tqdm import tqdm

from trash_keras.data.image_listing import is_hidden
from trash_keras.data.sources import zip_names

MAXIMUM_FILES = 5_000_000
# Photographs hardly compress, drawings rarely beyond 100 to 1; a zip bomb reaches 1000 to 1.
# Small archives may: the size limit is enough for them.
MAXIMUM_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 64 * 2**20

_BLOCK_BYTES = 2**20
_LARGEST_READ_BYTES = 4 * 2**20  # more than a block at once is a header that claims to be huge
_LONGEST_LINK_CHAIN = 40
_OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open,
}  # fmt: skip
_Opener = Callable[[], IO[bytes]]
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Member:
    name: str
    kind: str  # file, folder, link or special
    open: _Opener
    target: str = ""  # of a link, relative to the root of the archive


class _Budget:
    """Counts what really comes out of an archive, whatever its headers say."""

    def __init__(self, archive: Path, maximum_bytes: int) -> None:
        self.archive, self.maximum_bytes = archive, maximum_bytes
        self.archive_bytes = max(1, archive.stat().st_size)
        self.files = self.written = 0

    def add_file(self) -> None:
        self.files += 1
        if self.files > MAXIMUM_FILES:
            raise ValueError(f"An archive may hold {MAXIMUM_FILES} files at most. Refused.")

    def add_bytes(self, count: int) -> None:
        self.written += count
        self.reach(self.written)

    def reach(self, unpacked_bytes: int) -> None:
        if unpacked_bytes > self.maximum_bytes:
            raise ValueError(
                f"The archive unpacks to more than {self.maximum_bytes / 1e9:g} GB. Refused; "
                "if you trust it, raise --max_unpacked_gigabytes."
            )
        ratio = unpacked_bytes / self.archive_bytes
        if unpacked_bytes > RATIO_COUNTS_FROM_BYTES and ratio > MAXIMUM_RATIO:
            raise ValueError(
                f"The archive unpacks to more than {MAXIMUM_RATIO} times its own size, as a zip "
                "bomb does and images do not. Refused."
            )


class _CountedStream:
    """What tarfile reads from: also headers and skipped members count against the budget."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self.stream, self.budget = stream, budget
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if size > _LARGEST_READ_BYTES:
            raise ValueError(f"The archive has a header of {size} bytes. Refused.")
        data = self.stream.read(size)
        self.budget.reach(self.stream.tell())
        return data

    def seek(self, position: int) -> int:
        self.budget.reach(position)
        return self.stream.seek(position)


def unpack(archive: str | os.PathLike, folder: str | os.PathLike, maximum_bytes: int) -> None:
    """Unpacks a zip or tar archive (plain, gzip, bzip2 or xz) into a new folder.

    Hidden files and what operating systems add (`__MACOSX`, `Thumbs.db`) are left out. A link to
    a file of the archive becomes a copy of it. Permissions and owners are ignored.

    Args:
        archive: The file; its format is told by its first bytes.
        folder: Folder to make. When this raises, half of the content may be there: give a
            temporary one, as `local.atomic_write` does.
        maximum_bytes: Largest total size of what is unpacked.

    Raises:
        ValueError: It is no such archive, is damaged or encrypted, holds an unsafe name, a link
            that leads out of it, a device, a name twice, or too much.
        OSError: The file cannot be read or the folder cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    budget = _Budget(archive, maximum_bytes)
    folder.mkdir(parents=True)
    try:
        with archive.open("rb") as file:
            start = file.read(8)
            if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                with zipfile.ZipFile(archive) as opened_zip:
                    _write(_zip_members(opened_zip), folder, budget)
            else:
                opener = next((_OPENERS[key] for key in _OPENERS if start.startswith(key)), open)
                with opener(archive, "rb") as stream:
                    counted: Any = _CountedStream(stream, budget)
                    with tarfile.open(fileobj=counted, mode="r:", encoding="utf-8") as opened_tar:
                        _write(_tar_members(opened_tar), folder, budget)
    except _DAMAGE as error:
        raise ValueError(
            f"{archive.name} is not a whole zip or tar archive without password: "
            f"{error or type(error).__name__}"
        ) from error
    except OSError as error:
        if error.errno is not None:  # bz2 reports damaged data as an OSError without a number
            raise
        raise ValueError(f"{archive.name} is damaged: {error}") from error


def safe_name(name: str) -> str:
    """Returns the POSIX path of an archive member or object store key.

    Raises:
        ValueError: It is absolute, has a drive letter, `..` or a zero byte, or is empty.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    drive = re.match("[A-Za-z]:", name)
    if path.is_absolute() or drive or ".." in path.parts or "\0" in name:
        raise ValueError(
            "The names of files must stay within their folder: no '..', no leading slash, no drive "
            f"letter. Received: {name!r}. Refused."
        )
    return str(path)


def _write(members: Iterable[_Member], folder: Path, budget: _Budget) -> None:
    links: dict[str, str] = {}
    for member in tqdm(members, desc="Unpacking", unit="file"):
        budget.add_file()
        name = safe_name(member.name)
        if member.kind == "special":
            raise ValueError(f"{name} is neither file, folder nor link (a device?). Refused.")
        target = safe_name(member.target) if member.kind == "link" else ""
        if name == "." or is_hidden(name):
            continue
        if member.kind == "link":
            links[name] = target
        elif member.kind == "file":
            _copy(member.open, folder / name, budget)
    for name in links:
        linked = folder / _linked_file(name, links, folder)
        _copy(cast(_Opener, functools.partial(linked.open, "rb")), folder / name, budget)


def _linked_file(name: str, links: dict[str, str], folder: Path) -> str:
    target = name
    for _ in range(_LONGEST_LINK_CHAIN):
        if target not in links:
            break
        target = links[target]
    if not (folder / target).is_file():
        raise ValueError(f"The link {name} leads to {target}, no file of the archive. Refused.")
    return target


def _copy(opener: _Opener, path: Path, budget: _Budget) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ValueError(f"The archive holds {path.name} twice. Refused.") from error
    with file, opener() as source:
        while block := source.read(_BLOCK_BYTES):
            budget.add_bytes(len(block))
            file.write(block)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    kinds = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    members = archive.infolist()
    names = zip_names.decoded(members, os.path.basename(archive.filename or "The archive"))
    for info, name in zip(members, names, strict=True):
        kind = kinds.get(stat.S_IFMT(info.external_attr >> 16), "special")
        kind = "folder" if info.is_dir() else kind
        target = ""
        if kind == "link":
            with archive.open(info) as file:
                target = _beside(name, file.read(4096).decode("utf-8", "replace"))
        yield _Member(name, kind, functools.partial(archive.open, info), target)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if info.issym():
            kind, target = "link", _beside(info.name, info.linkname)
        elif info.islnk():
            kind, target = "link", info.linkname
        else:
            kind = "file" if info.isreg() else "folder" if info.isdir() else "special"
            target = ""
        opener = cast(_Opener, functools.partial(archive.extractfile, info))
        yield _Member(info.name, kind, opener, target)
    # tarfile takes a cut or damaged header for the end; a whole archive ends with zero blocks.
    stream = cast(IO[bytes], archive.fileobj)
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends in the middle")


def _beside(name: str, target: str) -> str:
    """Resolves the target of a symbolic link, which is relative to the link's own folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
