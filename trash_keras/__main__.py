"""The command line: `trash-keras VERB`, the same as `python -m trash_keras VERB`."""

import atexit
import contextlib
import os
import sys
from typing import NoReturn


def main() -> None:
    """Runs the verb that the command line names."""
    from trash_keras.cli import verbs
    from trash_keras.storage import local

    is_own = not hasattr(sys, "ps1")  # not in a notebook, which goes on after the verb
    if is_own:
        _hide_echoes()
    try:
        verbs.main(sys.argv[1:])
    except BrokenPipeError:  # `| head` has seen enough; Python's own last flush must not fail, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except SystemExit as end:
        if is_own and isinstance(end.code, int) and local.is_disk_full(end):
            _leave(end.code)
        raise


def _hide_echoes() -> None:
    """Hides what h5py prints of a file that it cannot write, beside the error that it raises."""
    uncaught, unraisable = sys.excepthook, sys.unraisablehook

    def is_echo(error: BaseException | None) -> bool:
        return isinstance(error, RuntimeError) and "Can't decrement id ref count" in str(error)

    # Cython calls the one, then the other.
    sys.excepthook = lambda kind, error, trace: (
        None if is_echo(error) else uncaught(kind, error, trace)
    )
    sys.unraisablehook = lambda given: None if is_echo(given.exc_value) else unraisable(given)


def _leave(status: int) -> NoReturn:
    """Ends the process without HDF5's own end, which crashes on a file that it cannot write."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a log file on the same disk
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
