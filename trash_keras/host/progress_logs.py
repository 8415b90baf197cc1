"""Progress in log files: a line now and then, where a terminal has bars that move."""

import os
from typing import Any

SECONDS = "10"  # from one line to the next, and before the first


def write_lines() -> None:
    """Lets tqdm's bars be lines without control characters in this process.

    Elsewhere than on a terminal, too, tqdm begins its text with a carriage return and goes up and
    down with escape sequences. It is imported here, and may not be before: it reads its variables
    once. A user who sets these decides. What this process starts may have a terminal, so they are
    not left behind.
    """
    added = [name for name in ("TQDM_MININTERVAL", "TQDM_DELAY") if name not in os.environ]
    os.environ.update(dict.fromkeys(added, SECONDS))
    from tqdm import tqdm

    for name in added:
        del os.environ[name]

    def display(self: Any, msg: str | None = None, pos: int | None = None) -> bool:
        if msg != "":  # else it is to be wiped out
            # `close` ends the last line, and disables the bar before.
            self.fp.write((msg or str(self)) + ("" if self.disable else "\n"))
        return False

    tqdm.display = display
    tqdm.clear = lambda self, *positions, **options: None
