"""Trains a recipe and its variants with several seeds each, and compares them on validation.

    python -m experiments.ablate --data_dir=DIR --variants=FILE --workdir=ABLATION

The flags of experiments.train make the recipe; each line of FILE, "name: --flag=value ...", changes
it. The same command again goes on where a killed one stopped; more --seeds, or lines, add to what
is there; started again beside itself it shares the runs. WORKDIR gets a folder for each run, and
the table as ablation.md and ablation.json.
"""

import re
import shlex
import sys
from collections.abc import Sequence

from absl import flags
from absl.testing import flagsaver

from trash_keras import config
from trash_keras import flags as script

VARIANTS = flags.DEFINE_string("variants", None, "Text file, a line a variant.", required=True)
SEEDS = flags.DEFINE_integer("seeds", 3, "Runs of each: of seed SEED, SEED+1 and so on.", 1)
FOREIGN_DIR = flags.DEFINE_string(
    "foreign_dir", "", "Class folders of pictures that no run trains on, to compare on as well."
)
WORKDIR = flags.DEFINE_string("workdir", "runs/ablation", "Folder for all that is written.")


def main(paths: Sequence[str]) -> None:
    """Runs the ablation that the flags and the file describe."""
    script.refuse(paths)
    variants = {"recipe": script.read_config()}
    with open(VARIANTS.value, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip() and not line.startswith("#"):
                where = f"{VARIANTS.value}, line {number}"
                name, settings = _variant(line.strip(), where)
                if name in variants:
                    raise ValueError(f"{where}: there is {name!r} already.")
                if settings in variants.values():
                    raise ValueError(f"{where}: {name} changes nothing that is not there already.")
                variants[name] = settings

    with script.quiet_imports():
        from trash_keras.evaluation import ablations
        from trash_keras.training.ablation import ablate

    command = "python -m experiments.ablate " + shlex.join(sys.argv[1:])
    result = ablate(variants, SEEDS.value, WORKDIR.value, command, FOREIGN_DIR.value)
    print(f"{ablations.table(result)}\nTable: {WORKDIR.value}/{ablations.PAGE}")


def _variant(line: str, where: str) -> tuple[str, config.Config]:
    """Returns the name of a variant, and the recipe with its flags."""
    found = re.fullmatch(r"([\w.-]+):\s+(.+)", line)
    if not found:
        raise ValueError(f'{where} must be "name: --flag=value ...". Received: {line}')
    with flagsaver.flagsaver():
        try:
            rest = flags.FLAGS([where, *shlex.split(found[2])])[1:]
            script.refuse(rest)
            return found[1], script.read_config()
        except (flags.Error, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error


if __name__ == "__main__":
    script.define_config()
    script.run(main)
