"""A work queue of folders for several processes: each takes the next that no other works in."""

from collections.abc import Callable, Sequence
from pathlib import Path

import filelock

from trash_keras.storage import locks


def run_exclusively(folders: Sequence[Path], work: Callable[[int], None]) -> None:
    """Does the work of every folder, alone in it; folders of other processes come last.

    A lock ends with the process that holds it, however that ends. So the work of a killed process
    is taken over.

    Args:
        folders: Where the work is done.
        work: Takes the number of its folder. Must itself find what is already done, by this or
            another process, and continue from there.
    """
    busy = []
    for number, folder in enumerate(folders):
        try:
            lock = locks.of(folder).acquire(timeout=0)
        except filelock.Timeout:
            busy.append(number)
            continue
        with lock:
            work(number)
    for number in busy:
        with locks.hold("workdir", folders[number], wait=True):
            work(number)
