"""Ablation: trains a recipe and its variants, compares them on validation.

    trash-keras ablate --data_dir=DIR --variants=FILE --workdir=ABLATION

The flags of `trash-keras train` make the recipe. Each line of FILE, "name: --flag=value ...", is a
variant of it. All are trained with several seeds. The same command again continues where a killed
one stopped; more --seeds or lines add runs; started in parallel, processes share the runs. WORKDIR
gets a folder for each run, and the table as ablation.md and ablation.json.
"""

import re
import shlex
from collections.abc import Sequence

from absl import flags
from absl.testing import flagsaver

from trash_keras import config
from trash_keras.cli import launch
from trash_keras.cli.flags import define_config, parse, read_config, reject_positional_arguments
from trash_keras.storage import text_files

define_config()
VARIANTS = flags.DEFINE_string("variants", None, "Text file, a line a variant.", required=True)
SEEDS = flags.DEFINE_integer("seeds", 3, "Runs of each: of seed SEED, SEED+1 and so on.", 1, 1000)
EXTERNAL_DIR = flags.DEFINE_string(
    "external_dir",
    "",
    "Class folders of images that no run trains on, to compare on as well (external validation).",
)
WORKDIR = flags.DEFINE_string("workdir", "runs/ablation", "Folder for all that is written.")
GROUPS = {"Ablation": (VARIANTS, SEEDS, EXTERNAL_DIR), "Output": (WORKDIR,)}


def main(paths: Sequence[str]) -> None:
    """Runs the ablation that the flags and the file describe."""
    reject_positional_arguments(paths)

    from trash_keras.data import file_roles

    file_roles.require("variants", VARIANTS.value)
    variants = {"recipe": read_config()}
    for number, line in enumerate(text_files.read(VARIANTS.value).split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            where = f"{VARIANTS.value}, line {number}"
            name, settings = _variant(line.strip(), where)
            if name in variants:
                raise ValueError(f"{where}: there is already a variant {name!r}.")
            if settings in variants.values():
                raise ValueError(f"{where}: {name} equals an earlier variant.")
            variants[name] = settings

    with launch.quiet_imports():
        from trash_keras.reporting import ablation
        from trash_keras.training.ablation import ablate

    result = ablate(variants, SEEDS.value, WORKDIR.value, launch.command(), EXTERNAL_DIR.value)
    print(f"{ablation.table(result)}\nTable: {WORKDIR.value}/{ablation.PAGE}")


def _variant(line: str, where: str) -> tuple[str, config.Config]:
    """Returns the name of a variant, and the recipe with its flags."""
    found = re.fullmatch(r"([\w.-]+):\s+(.+)", line)
    if not found:
        raise ValueError(f'{where} must be "name: --flag=value ...". Received: {line}')
    with flagsaver.flagsaver():
        try:
            rest = parse([where, *shlex.split(found[2])])[1:]
            reject_positional_arguments(rest)
            return found[1], read_config()
        except (flags.Error, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error
