"""Files that are computed once and shared: whole or absent, by however many processes at once."""

import contextlib
import glob
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from trash_keras.storage import checksums, local


def make_once(path: Path, make: Callable[[Path], None]) -> None:
    """Makes a file that is not there yet; of several processes one does, and the others wait.

    A process may be killed at any moment: its lock ends with it, and the next one removes what it
    left half-written and makes the file anew.

    Args:
        path: Of the file; one that is there is taken, unless it is damaged.
        make: Writes it to the temporary path that it is given.

    Raises:
        OSError: The file cannot be written.
    """
    if checksums.is_whole(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with alone(lock):
        if not checksums.is_whole(path):
            if path.exists():
                print(f"{path} is damaged, and is made anew.", file=sys.stderr, flush=True)
            for left in path.parent.glob(f".{glob.escape(path.stem[:40])}-*.tmp"):
                local.remove(left)
            with local.atomic_write(path, checked=True) as temporary:
                make(temporary)
        # Whoever waits for the lock, or makes another one, finds the file.
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keeps other processes out of the block; says so when it has to wait for one.

    Args:
        lock: Path of the lock's file; where it cannot be written, nobody waits.
    """
    file_lock = filelock.FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            file_lock.acquire(timeout=0)
        except filelock.Timeout:
            print(f"Waiting for the process that holds {lock}", flush=True)
            file_lock.acquire()
    except (OSError, NotImplementedError):  # no such folder, or a file system without locks
        yield
        return
    try:
        yield
    finally:
        file_lock.release()
