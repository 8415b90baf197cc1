"""How many small changes of the code the fast tests notice (mutation testing, by mutmut).

python -m tools.mutation [--sample=120] [--survivors]

Each mutant is one change in a function of those modules that splits, scores and calibration rest on
(`[mutmut]` in setup.cfg), run against the tests that reach the function. A sample is drawn with a
fixed seed, and a larger one contains the smaller. Verdicts are kept in mutants/, so an interrupted
run goes on; what survived is tried again at each call, since tests may have become stronger.
Prints a table; `mutmut show NAME` prints a mutant.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.host import cores
from trash_keras.metrics.intervals import wilson_interval
from trash_keras.reporting import markdown

FOLDER = Path("mutants")
FEW = "*.x_wilson_interval__mutmut_*"  # asked for these few, mutmut makes all that are new
SURVIVED, NO_TEST = 0, 33  # exit statuses of tests, as mutmut keeps them
OPEN = (None, 2)  # not run yet, interrupted


def row_of(name: str) -> str:
    """Returns the row of the table that a mutant counts in: a module of data, or a room."""
    _, room, module, *_ = name.split(".")
    return f"data/{module}.py" if room == "data" else f"{room}/"


def verdicts() -> dict[str, int | None]:
    """Returns the exit status of the tests for each mutant that mutmut knows."""
    found: dict[str, int | None] = {}
    for path in sorted(FOLDER.rglob("*.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def sample(names: Sequence[str], count: int) -> dict[str, list[str]]:
    """Draws mutants for each row.

    Args:
        names: All mutants.
        count: Mutants of a row; 0 takes all.

    Returns:
        Row -> names.
    """
    rows: dict[str, list[str]] = {}
    for name in sorted(names):
        rows.setdefault(row_of(name), []).append(name)
    for drawn in rows.values():
        random.Random(0).shuffle(drawn)
    return {row: drawn[: count or None] for row, drawn in rows.items()}


def table(rows: dict[str, list[str]], found: dict[str, int | None]) -> str:
    """Returns the share of killed mutants as a table in Markdown, with Wilson's 95% interval."""
    lines = []
    for row, names in rows.items():
        tried = [found[name] for name in names if found[name] not in OPEN]
        killed = sum(verdict not in (SURVIVED, NO_TEST) for verdict in tried)
        low, high = wilson_interval(killed, len(tried))
        score = f"{killed / len(tried):.0%} ({low:.0%} to {high:.0%})"
        lines.append([row, f"{len(tried)} of {len(names)}", killed, score])
    return markdown.table(["module", "mutants", "killed", "score"], lines)


def run(names: Sequence[str]) -> None:
    """Lets mutmut try mutants, in a process that has imported none of the code to mutate.

    Raises:
        ValueError: The tests fail without a mutation, or mutmut is not installed.
    """
    program = Path(sys.executable).with_name("mutmut")
    if not program.exists():
        raise ValueError("mutmut is missing: make mutation installs it")
    command = [str(program), "run", "--max-children", str(cores.available()), *names]
    if subprocess.run(command, stdout=sys.stderr).returncode:
        raise ValueError("mutmut ended early; what it wrote says why")


def main(arguments: Sequence[str]) -> None:
    """Tries a sample of mutants and prints the table."""
    reject_positional_arguments(arguments)
    if not (FOLDER / "mutmut-stats.json").exists():  # written once all mutants are made
        shutil.rmtree(FOLDER, ignore_errors=True)
    run([FEW])
    found = verdicts()
    rows = sample(list(found), SAMPLE.value)
    chosen = [name for names in rows.values() for name in names]
    if todo := [name for name in chosen if found[name] in (SURVIVED, NO_TEST, *OPEN)]:
        run(todo)
    found = verdicts()
    print(table(rows, found))
    if SURVIVORS.value:
        print(*sorted(name for name in chosen if found[name] in (SURVIVED, NO_TEST)), sep="\n")


if __name__ == "__main__":
    # Not when a test imports the rest: flags are one name space for all tools and verbs.
    SAMPLE = flags.DEFINE_integer(
        "sample", 120, "Mutants of each row of the table; 0 takes all.", lower_bound=0
    )
    SURVIVORS = flags.DEFINE_bool("survivors", False, "Also print the names of what survived.")
    launch.run(sys.modules[__name__])
