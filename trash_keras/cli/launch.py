"""How a verb starts, and how it fails: one line on stderr and an exit status."""

import contextlib
import glob
import io
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import NoReturn

from absl import flags

from trash_keras.cli import help_pages, hints, signals
from trash_keras.cli.flags import missing, parse
from trash_keras.host import imports, native_output, progress_logs
from trash_keras.host.packages import install_hint
from trash_keras.storage import local
from trash_keras.storage.addresses import public, public_value
from trash_keras.storage.names import printable

flags.disclaim_key_flags()

# Verbs that keep what they have done so far.
CONTINUES = {"train", "cross_validate", "ablate", "prepare"}
HELP = {"--help", "-help", "-h", "--helpshort", "-?"}
HELP_ALL = {"--help_all", "--help-all"}


def run(module: ModuleType) -> NoReturn:
    """Runs a verb's module with the arguments of this process, and exits.

    Calls its `main(positional arguments)`, whose result is the exit status (None: 0). A user's
    error (ValueError, OSError, a missing optional package) ends as one line on stderr with exit
    status 1, a wrong flag with status 2; anything else is a defect and keeps its traceback.
    """
    flags.DEFINE_bool(
        "traceback", False, "Show the full traceback of an error.", module_name=__name__
    )
    is_script = module.__name__ == "__main__"
    program = f"python -m {module.__spec__.name}" if is_script and module.__spec__ else sys.argv[0]
    flags.FLAGS.register_key_flag_for_module(
        sys.argv[0] if is_script else module.__name__, flags.FLAGS["traceback"]
    )
    # A log file shows each line when it is printed, not when a buffer is full. What the locale
    # cannot show is escaped: a name must not end the verb.
    if isinstance(sys.stdout, io.TextIOWrapper):  # not so in a notebook, which shows it at once
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    if asked := (HELP | HELP_ALL).intersection(sys.argv[1:]):
        print(help_pages.page(module, program, everything=bool(asked & HELP_ALL)))
        sys.exit(0)
    # TensorFlow prints a page of device notes; a user who wants them sets this variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves the faster kernels off on CPUs without AVX-512.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not sys.stderr.isatty() and not hasattr(sys, "ps1"):  # a notebook's bars are its own
        progress_logs.write_lines()
    from absl import app  # here, since help needs neither its debugger nor its log

    known = flags.FLAGS.get_key_flags_for_module(module)
    app.run(
        lambda argv: _guarded(module.main, argv),
        flags_parser=lambda argv: _parsed(argv, known, program),
    )
    raise AssertionError("app.run does not return")


def forget_flags() -> None:
    """Removes the flags of verbs and tools, so that another verb can define its own."""
    for module, found in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith(("trash_keras.", "tools.")):
            for flag in list(found):
                delattr(flags.FLAGS, flag.name)


def command() -> str:
    """Returns the command line of this process as a user types it: "trash-keras train --x=1".

    Of an address there is what `addresses.public_value` shows.
    """
    return f"{sys.argv[0]} {shlex.join(map(public_value, sys.argv[1:]))}".rstrip()


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Holds back what TensorFlow's C++ side prints to stderr while it is imported.

    Those lines come before any log level is read. They are shown after all when the import fails.
    """
    held = native_output.HeldBack()
    try:
        with held, imports.keras_on_tensorflow():
            yield
    except (ValueError, KeyboardInterrupt):  # end in one line
        raise
    except BaseException:
        os.write(2, held.text)
        raise


def fail(message: str, status: int) -> NoReturn:
    """Ends the process with one line on stderr."""
    print(f"error: {printable(public(' '.join(message.split())))}", file=sys.stderr)
    sys.exit(status)


def expanded(arguments: Sequence[str]) -> list[str]:
    """Returns positional arguments with the files that a pattern like `*.jpg` stands for, sorted.

    The shells of Windows leave that to programs. What exists by that very name is no pattern, and
    brackets are letters of a name wherever that finds something. A pattern without a file stays,
    so that the error names it.
    """
    found: list[str] = []
    for argument in arguments:
        is_pattern = any(letter in argument for letter in "*?[") and "://" not in argument
        if not is_pattern or os.path.lexists(argument):
            found.append(argument)
            continue
        literal = argument.replace("[", "[[]")
        matches = glob.glob(literal, recursive=True) or glob.glob(argument, recursive=True)
        found += sorted(matches) or [argument]
    return found


def _parsed(argv: list[str], known: Sequence[flags.Flag], program: str) -> list[str]:
    try:
        arguments = parse(argv)
    except flags.UnrecognizedFlagError as error:
        names = [flag.name for flag in known]
        fail(hints.unknown_flag(error.flagname, names, program), status=2)
    except flags.IllegalFlagValueError as error:
        lacking = ", ".join(missing(error, known))
        fail(f"{program} needs {lacking}." if lacking else str(error), status=2)
    except (flags.Error, ValueError, OSError) as error:
        fail(str(error), status=2)
    from absl import logging

    if flags.FLAGS["verbosity"].using_default_value:
        logging.set_verbosity(logging.WARNING)  # or app.run shows all that TensorFlow notes
    return arguments


def _guarded(main: Callable[[Sequence[str]], int | None], argv: Sequence[str]) -> int:
    # The flags are parsed. What looks at the command line from now on, as W&B's client does, has
    # no need of the secrets in it.
    sys.argv = [sys.argv[0], *map(public_value, sys.argv[1:])]
    verb = main.__module__.rpartition(".")[2]
    again = "continues where it stopped" if verb in CONTINUES else "starts again"
    message = f"interrupted; nothing is half-written, and the same command {again}"
    with signals.handled(message) as stop:
        try:
            return main(expanded(argv[1:])) or 0
        except KeyboardInterrupt:
            pass
        except Exception as error:
            if not stop.number:  # else a library made it of the signal's exception
                _end_with(error)
    fail(message, status=128 + (stop.number or signal.SIGINT))


def _end_with(error: Exception) -> NoReturn:
    """Ends the process: by a line for a user's error, by a traceback for a defect."""
    is_users = isinstance(error, ValueError | OSError | ImportError) or local.is_disk_full(error)
    if not is_users or flags.FLAGS["traceback"].value:
        _show_traceback()
    # Python's own message names the module, but not what to install.
    missing = isinstance(error, ModuleNotFoundError)
    fail(f"{error}: {install_hint('train')}" if missing else str(error), status=1)


def _show_traceback() -> NoReturn:
    print(public(traceback.format_exc()), file=sys.stderr, end="")
    sys.exit(1)
