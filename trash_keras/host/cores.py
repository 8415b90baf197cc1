"""How many CPU cores there are to work on."""

import os


def available() -> int:
    """Returns the number of CPU cores that this process may use, which may be fewer than it has.

    `taskset` and the CPU sets of containers leave it only some.
    """
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
