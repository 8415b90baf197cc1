"""Locks of folders: one process at a time writes there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from trash_keras.storage import local
from trash_keras.storage.local import LOCK


def of(folder: str | os.PathLike) -> filelock.BaseFileLock:
    """Returns the lock of a folder, which is made when missing.

    The system ends a lock with the process that holds it, however that ends. A process that holds
    it may take it again.
    """
    path = Path(os.path.realpath(folder))
    path.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path / LOCK, is_singleton=True)


@contextlib.contextmanager
def hold(flag: str, folder: str | os.PathLike | None, wait: bool = False) -> Iterator[None]:
    """Keeps other processes from writing to a folder while the block runs.

    What a killed process left half-written is removed first. A folder that was not there before,
    and to which nothing was written, goes away again.

    Args:
        flag: Name of the flag that names the folder, for the message.
        folder: The folder; None or empty locks nothing.
        wait: Wait for another process instead of failing, and say so.

    Raises:
        ValueError: Another process is at work there.
    """
    if not folder:
        yield
        return
    is_new = not os.path.exists(folder)
    with contextlib.ExitStack() as held:
        # Else a file system without locks; or the first write says that there can be none.
        with contextlib.suppress(OSError, NotImplementedError):
            held.enter_context(_acquired(flag, folder, wait))
            local.sweep(folder, below=not wait)  # others may be at work in folders of their own
        try:
            yield
        finally:
            if is_new and os.path.isdir(folder) and os.listdir(folder) == [LOCK]:
                os.remove(Path(folder, LOCK))
                os.rmdir(folder)


def _acquired(
    flag: str, folder: str | os.PathLike, wait: bool
) -> contextlib.AbstractContextManager:
    try:
        return of(folder).acquire(timeout=0)
    except filelock.Timeout as error:
        if not wait:
            raise ValueError(
                f"Another process is at work in {folder}. Wait for its end, or name another "
                f"--{flag}."
            ) from error
    print(f"Waiting for the process that works in {folder}", flush=True)
    return of(folder).acquire()
