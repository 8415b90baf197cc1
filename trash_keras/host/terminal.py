"""Lines for people: with colours where standard output is a terminal, plain elsewhere.

Rich draws the colours. It is imported when a line has one, so no start waits for it.
"""

import os
import shutil
import sys
from collections.abc import Sequence

Part = tuple[str, str]  # text, and a style of Rich such as "green"; "" for none
NARROWEST = 20  # columns; what a terminal of no width at all is taken for


def is_interactive() -> bool:
    """Tells whether somebody watches standard output."""
    return bool(getattr(sys.stdout, "isatty", bool)())


def columns() -> int:
    """Returns how many columns standard output has; 80 where that is not known."""
    return max(NARROWEST, shutil.get_terminal_size((80, 24)).columns)


def write(parts: Sequence[Part], *, to_copy: bool = False) -> None:
    """Prints a line.

    On a terminal without NO_COLOR (https://no-color.org) or TERM=dumb, the parts have their styles
    and the line breaks between words. What looks like Rich's markup in a text is text.

    Args:
        parts: What the line consists of, printable by now.
        to_copy: Leave breaking it to the terminal, which copies it as one line.
    """
    if not is_interactive() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        print("".join(text for text, _ in parts).rstrip(), flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    line = Text.assemble(*parts)
    line.rstrip()
    Console(width=columns(), highlight=False, emoji=False).print(line, soft_wrap=to_copy)


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """Returns text of exactly `width` columns: filled up with spaces, or shortened with a "…".

    Args:
        text: Of any characters; East Asian ones take two columns.
        width: Columns, at least 1.
        keep_end: Of what is too long the end stays, as of a path the name of the file.
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if not keep_end:
        return set_cell_size(text, width - 1) + "…"
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return set_cell_size(f"…{text}", width)


def width_of(text: str) -> int:
    """Returns how many columns a text takes."""
    from rich.cells import cell_len

    return cell_len(text)
