"""What C++ libraries write to standard error by themselves, past Python's `sys.stderr`."""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Self

_NOTE = re.compile(rb"^INFO: .*\n?", re.MULTILINE)
# Of two that overlap in threads, the second one would give back the first one's file.
_ALONE = threading.RLock()


class HeldBack:
    """Holds back what the process writes to standard error meanwhile; a context manager.

    Attributes:
        text: What that was; empty before the end, and where standard error is closed.
    """

    def __init__(self) -> None:
        self.text = b""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_ALONE)
            with contextlib.suppress(AttributeError, OSError, ValueError):
                sys.stderr.flush()
            with contextlib.suppress(OSError):
                real = os.dup(2)
                stack.callback(os.close, real)
                file = stack.enter_context(tempfile.TemporaryFile())
                stack.callback(self._read, file)
                os.dup2(file.fileno(), 2)
                stack.callback(os.dup2, real, 2)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def _read(self, file: IO[bytes]) -> None:
        file.seek(0)
        self.text = file.read()


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Leaves out lines like "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.".

    LiteRT prints them whatever log level is set. All else is written after the block.
    """
    held = HeldBack()
    try:
        with held:
            yield
    finally:
        if rest := _NOTE.sub(b"", held.text):
            os.write(2, rest)
