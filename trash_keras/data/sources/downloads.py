"""Downloads remote files and folders to hidden ones beside the target: resumed and retried.

A partial download is a hidden file or folder whose name holds a digest of the address and of the
version (ETag, size ...) on the server, so that only the same bytes are continued.
"""

import contextlib
import glob
import hashlib
import os
import posixpath
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
from tqdm import tqdm

from trash_keras.data import image_listing
from trash_keras.data.image_listing import is_hidden
from trash_keras.data.sources import archives
from trash_keras.data.sources.remotes import Remote, Retrier, status_of, version_of
from trash_keras.storage import local
from trash_keras.storage.names import to_bytes

PIECE_BYTES = 8 * 2**20
FILES_AT_ONCE = 16


def download_file(remote: Remote, target: Path, maximum_bytes: int) -> Path:
    """Downloads a file next to `target`, continuing an earlier try.

    Args:
        remote: The file.
        target: What the file is for; the hidden file is named after it and lies beside it.
        maximum_bytes: Largest size.

    Returns:
        The hidden file, whole. The caller removes it after use.

    Raises:
        ValueError: It is too large, or another process downloads it.
        OSError: It cannot be read, also after several tries.
    """
    retrier = remote.retrier()
    while True:
        info = retrier.call(remote.info)
        _require_size(remote, info["size"] or 0, maximum_bytes)
        part = _part(target, remote, version := version_of(info))
        part.touch()
        with _locked(part):
            try:
                _fill(part, remote, info, maximum_bytes, retrier)
            except ValueError:
                local.remove(part)  # refused: there is nothing to continue
                raise
            whole = info["size"] in (None, part.stat().st_size)
        if whole and version_of(retrier.call(remote.info)) == version:
            return part
        local.remove(part)
        retrier.failed(ConnectionError("the file changed while it was downloaded"))


def download_folder(remote: Remote, target: Path, maximum_bytes: int) -> Path:
    """Downloads every file below a remote or local folder, several at once.

    Arguments, result and errors are those of `download_file`, with a hidden folder as the result.
    Files of an earlier try are kept if the listing has not changed.
    """
    retrier = remote.retrier()
    listing = _listing(remote, retrier)
    total = sum(info["size"] for info in listing.values())
    if total > maximum_bytes or len(listing) > archives.MAXIMUM_FILES:
        raise ValueError(
            f"{remote.name} holds {total / 1e9:.3g} GB in {len(listing)} files. Refused; allowed "
            f"are {maximum_bytes / 1e9:g} GB (raise --max_unpacked_gigabytes) and "
            f"{archives.MAXIMUM_FILES} files."
        )
    versions = {name: version_of(info) for name, info in sorted(listing.items())}
    part = _part(target, remote, repr(versions))
    part.mkdir(exist_ok=True)

    def fetch(name: str) -> int:
        path, size = part / name, listing[name]["size"]
        if not path.is_file() or path.stat().st_size != size:
            _fetch_whole(remote, listing[name]["name"], size, path)
        return size

    pool = ThreadPoolExecutor(FILES_AT_ONCE)
    try:
        with _locked(part), _progress(total, remote.name) as bar:
            for size in pool.map(fetch, listing):
                bar.update(size)
    finally:
        pool.shutdown(cancel_futures=True)
    return part


def _listing(remote: Remote, retrier: Retrier) -> dict[str, dict[str, Any]]:
    """Returns relative name -> information for every file that is not hidden."""
    if "file" in remote.filesystem.protocol:
        return _local_listing(remote)
    remote.filesystem.invalidate_cache()
    found = retrier.call(lambda: remote.filesystem.find(remote.path, detail=True))
    root = remote.path.rstrip("/")
    listing = {}
    for path, info in found.items():
        name = archives.safe_name(path.removeprefix(root).lstrip("/"))
        # Object stores have keys that stand for folders: the root itself, or ending in a slash.
        if name != "." and not path.endswith("/") and not is_hidden(name):
            listing[name] = {**info, "name": path}
    return listing


def _local_listing(remote: Remote) -> dict[str, dict[str, Any]]:
    """Does the same for a folder on this machine, with linked folders as a run would read them."""
    found = image_listing.list_folder(remote.path)
    passed = dict(found.passed_over)
    others = passed.pop(image_listing.OTHER, ())  # copied; told when all is in place
    image_listing.tell(passed, remote.name)
    listing = {}
    for name in (*found.images, *others):
        path = os.path.join(remote.path, name)
        listing[archives.safe_name(name)] = {**remote.filesystem.info(path), "name": path}
    return listing


def _fetch_whole(remote: Remote, source: str, size: int, path: Path) -> None:
    retrier = remote.retrier()
    while True:
        try:
            content = remote.filesystem.cat_file(source)
            if len(content) == size:
                break
            raise ConnectionError(f"{source} ended at byte {len(content)} of {size}")
        except Exception as error:
            retrier.failed(error)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Many small files: a plain rename, where `local.atomic_write` would make a folder for each.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _fill(
    part: Path, remote: Remote, info: dict[str, Any], maximum_bytes: int, retrier: Retrier
) -> None:
    """Brings the file to its full size, with new requests from the byte reached."""
    size = info["size"]
    with part.open("r+b") as file, _progress(size, remote.name) as bar:
        reached = furthest = file.seek(0, os.SEEK_END)
        done = reached == size
        while not done:
            try:
                for offset, piece in _pieces(remote, info, reached):
                    file.seek(offset)
                    file.write(piece)
                    file.truncate()
                    reached = offset + len(piece)
                    bar.update(reached - bar.n)
                    if reached > maximum_bytes:  # the server sent no size, or a wrong one
                        break
                    if reached > furthest:
                        furthest = reached
                        retrier.failures = 0
                done = size is None or reached >= size
                if not done and reached <= maximum_bytes:
                    raise ConnectionError(f"the connection ended at byte {reached} of {size}")
            except Exception as error:  # each client has its own errors; `failed` sorts them
                retrier.failed(error)
            _require_size(remote, reached, maximum_bytes)


def _require_size(remote: Remote, size: int, maximum_bytes: int) -> None:
    if size > maximum_bytes:
        raise ValueError(
            f"{remote.name} is larger than {maximum_bytes / 1e9:g} GB. Refused; if you trust it, "
            "raise --max_unpacked_gigabytes."
        )


def _pieces(remote: Remote, info: dict[str, Any], start: int) -> Iterator[tuple[int, bytes]]:
    """Yields (offset, bytes) from `start` on, or from 0 where the server insists."""
    if remote.is_http:
        yield from _http_pieces(remote, info, start)
        return
    for offset in range(start, info["size"], PIECE_BYTES):
        end = min(offset + PIECE_BYTES, info["size"])
        yield offset, remote.filesystem.cat_file(remote.path, start=offset, end=end)


def _http_pieces(remote: Remote, info: dict[str, Any], start: int) -> Iterator[tuple[int, bytes]]:
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        etag = info.get("ETag", "")
        if etag.startswith('"'):  # a weak one says nothing about bytes
            headers["If-Range"] = etag
    # With block_size=0 fsspec streams one response; with a size it does not ask for the size first.
    options = {"block_size": 0, "size": 1, "headers": headers}
    try:
        stream = remote.filesystem.open(remote.path, "rb", **options)
    except Exception as error:
        if start and status_of(error) == 416:  # the file is not longer than what we have
            yield from _http_pieces(remote, info, 0)
            return
        raise
    with stream:
        content_range = stream.r.headers.get("Content-Range", "")
        continues = stream.r.status == 206 and content_range.startswith(f"bytes {start}-")
        offset = start if continues else 0
        while piece := stream.read(2**20):
            yield offset, piece
            offset += len(piece)


def _part(target: Path, remote: Remote, version: str) -> Path:
    """Names the hidden file or folder, and removes those of older versions."""
    address, content = (
        hashlib.sha256(to_bytes(text)).hexdigest()[:12] for text in (remote.name, version)
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".{target.name}-{address}-{content}.part"
    for other in target.parent.glob(f".{glob.escape(target.name)}-{address}-*.part*"):
        if not other.name.startswith(part.name):
            local.remove(other)
    return part


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Keeps two processes from filling the same file; the system unlocks after a kill."""
    lock = filelock.FileLock(part.with_name(f"{part.name}.lock"))
    try:
        held = lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise ValueError(f"Another process is filling {part}; wait for its end.") from error
    with held:
        try:
            yield
        finally:
            Path(lock.lock_file).unlink()  # while it is held: nobody else's can lie there


def _progress(total: int | None, name: str) -> tqdm:
    title = "Fetching " + posixpath.basename(name.rstrip("/"))
    return tqdm(total=total, desc=title, unit="B", unit_scale=True, unit_divisor=1024)
