"""Runs that several processes share, each taking the next that no other is at."""

from collections.abc import Callable, Sequence
from pathlib import Path

import filelock


def run_exclusively(folders: Sequence[Path], work: Callable[[int], None]) -> None:
    """Does the work of every folder, alone in it; what other processes are at comes last.

    A lock ends with the process that holds it, however that ends, so that the work of one that was
    killed is taken over.

    Args:
        folders: Where the work is done.
        work: Takes the number of its folder. Finds by itself what is done already, by another
            process too, and goes on where that stopped.
    """
    busy = []
    for number, folder in enumerate(folders):
        try:
            lock = _lock(folder).acquire(timeout=0)
        except filelock.Timeout:
            busy.append(number)
            continue
        with lock:
            work(number)
    for number in busy:
        print(f"Waiting for the process that works in {folders[number]}", flush=True)
        with _lock(folders[number]):
            work(number)


def _lock(folder: Path) -> filelock.BaseFileLock:
    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / ".lock")
