"""Flag files, of whatever system: absl's own reader takes no byte-order mark and no UTF-16."""

import os
from collections.abc import Sequence

from trash_keras.storage import paths, text_files

_SPELLINGS = ("--flagfile", "-flagfile")


def inline(arguments: Sequence[str], around: Sequence[str] = ()) -> list[str]:
    """Puts the lines of each `--flagfile=FILE` in its place; such files may name others.

    Empty lines, and those that begin with `#` or `//`, count for nothing.

    Args:
        arguments: Flags and positional arguments.
        around: The files that these arguments stand in, for messages.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is no text, or names itself.
    """
    found: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*found, argument, *rest]
        spelling, equals, name = argument.partition("=")
        if spelling not in _SPELLINGS or not (equals or rest):
            found.append(argument)
            continue
        file = os.path.realpath(paths.expand((name if equals else rest.pop(0)).strip()))
        if file in around:
            raise ValueError(f"--flagfile={file} names itself.")
        lines = [line.strip() for line in text_files.read(file).split("\n")]
        flags = [line for line in lines if line and not line.startswith(("#", "//"))]
        found += inline(flags, [*around, file])
    return found
