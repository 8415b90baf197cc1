"""The contender of the startup suite: a command. Imports little, since its memory is a floor.

On Linux a new process begins with the peak memory of the one that started it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence


def command(arguments: Sequence[str]) -> Callable[[], dict[str, float]]:
    """Runs `python ARGUMENTS...`; wall seconds, and the most memory that the process held.

    Raises:
        ValueError: The command ends with an error.
    """
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}

    def turn() -> dict[str, float]:
        with tempfile.TemporaryFile() as messages:
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                env=environment,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                messages.seek(0)
                lines = messages.read().decode(errors="replace").strip().splitlines()
                raise ValueError(lines[-1] if lines else f"status {process.returncode}")
        scale = 1 if sys.platform == "darwin" else 1024
        return {"seconds": seconds, "memory_mb": used.ru_maxrss * scale / 1e6}

    return turn
