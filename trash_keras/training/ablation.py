"""Ablation: a recipe and its variants, trained with several seeds each, compared on validation.

Each run is a `loop.train_and_evaluate` in a folder of its own, which resumes by itself. All runs of
a seed come before those of the next, so that a table of few seeds is there early. The same command
started again beside it shares the work.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trash_keras import config as configuration
from trash_keras import files
from trash_keras.config import Config
from trash_keras.evaluation import ablations, publishing
from trash_keras.training import loop, runtime, sharing


def ablate(
    variants: Mapping[str, Config], seeds: int, workdir: str | Path, command: str = ""
) -> dict[str, Any]:
    """Trains what is not trained yet, and compares every variant with the first one.

    Args:
        variants: Name, which becomes a folder, -> its configuration; the first is the recipe.
            `runtime.seed` of each is the first seed.
        seeds: Runs of each.
        workdir: Folder for everything that is written. Models are not kept.
        command: The command line, for the report.

    Returns:
        The content of `ablation.json`: `variants`, from `ablations.compare`; `seeds`; `run`.

    Raises:
        ValueError: As `loop.train_and_evaluate`, for any of the variants.
    """
    workdir = Path(workdir)
    runs = [
        (
            _folder(workdir, name, seed),
            dataclasses.replace(
                config, runtime=dataclasses.replace(config.runtime, seed=config.runtime.seed + seed)
            ),
        )
        for seed in range(seeds)
        for name, config in variants.items()
    ]
    for folder, config in runs:
        configuration.check_workdir(config, folder)
    # Nothing is trained before all that a user can get wrong has been looked at.
    for config in variants.values():
        loop.check(config)
    result: dict[str, Any] = {}

    def train(number: int) -> None:
        nonlocal result
        folder, config = runs[number]
        name = f"{folder.parent.name}, seed {config.runtime.seed} ({number + 1} of {len(runs)})"
        print(f"{name} in {folder}", flush=True)
        with runtime.released():
            loop.train_and_evaluate(config, folder, command, splits=("valid", "test"))
        files.remove(folder / "model.keras")
        complete = _complete_seeds(workdir, variants, seeds)
        if complete > result.get("seeds", 0):
            result = _publish(workdir, variants, complete, command)

    sharing.do_each([folder for folder, _ in runs], train)
    return result


def _folder(workdir: Path, name: str, seed: int) -> Path:
    return workdir / name / f"seed{seed}"


def _complete_seeds(workdir: Path, names: Iterable[str], seeds: int) -> int:
    """Returns how many of the first seeds every variant has finished."""
    for seed in range(seeds):
        if not all(loop.is_complete(_folder(workdir, name, seed)) for name in names):
            return seed
    return seeds


def _publish(workdir: Path, names: Iterable[str], seeds: int, command: str) -> dict[str, Any]:
    """Writes ablation.json and ablation.md of the first seeds."""
    found = {
        name: [ablations.load(_folder(workdir, name, seed)) for seed in range(seeds)]
        for name in names
    }
    result = {
        "variants": ablations.compare(found),
        "seeds": seeds,
        "run": publishing.provenance(command),
    }
    files.write_json(workdir / ablations.REPORT, result)
    files.write_text(workdir / ablations.PAGE, ablations.table(result) + "\n")
    return result
