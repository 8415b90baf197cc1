"""Processes of their own for what is measured: they answer requests, one line of JSON each.

So one measurement warms no caches of the next, and peak memory is that of one thing alone.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# A request -> its response; both are what JSON can hold.
Answer = Callable[[Any], Any]


@contextlib.contextmanager
def start(module: str, *arguments: str) -> Iterator[Answer]:
    """Starts `python -m MODULE ARGUMENTS...`, which calls `serve`; ends it at the end.

    Yields:
        What sends it a request and returns its response. Raises ValueError when the process has
        ended, with the last line that it wrote to stderr.
    """
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    # Its messages go into a file, since a pipe that nobody empties would stop it.
    with (
        tempfile.TemporaryFile() as messages,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=messages) as process,
    ):
        assert process.stdin and process.stdout
        requests, responses = process.stdin, process.stdout

        def ask(request: Any) -> Any:
            with contextlib.suppress(BrokenPipeError):
                requests.write(json.dumps(request).encode() + b"\n")
                requests.flush()
            line = responses.readline()
            if line:
                return json.loads(line)
            messages.seek(0)
            lines = messages.read().decode(errors="replace").strip().splitlines()
            raise ValueError(lines[-1] if lines else "it ended")

        try:
            yield ask
        finally:  # a process that has ended has closed its end already
            with contextlib.suppress(BrokenPipeError):
                requests.close()


def serve(prepare: Callable[[], Answer]) -> None:
    """Answers each line of stdin by a line of stdout, until stdin ends.

    Args:
        prepare: Returns what answers; what it prints, then and later, goes to stderr.
    """
    responses = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints must not be among the responses
    answer = prepare()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=responses, flush=True)


def peak_memory() -> int:
    """Returns the most memory that this process has held, bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    # Not the first choice: on Linux it also counts what the parent process held at the start.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
