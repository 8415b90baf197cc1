"""Ablation: a recipe and its variants, trained with several seeds each, compared on validation.

Each run is a `loop.train_and_evaluate` in a folder of its own, which resumes by itself. All runs of
a seed come before those of the next, so that a table of few seeds is there early.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras import config as configuration
from trash_keras import files
from trash_keras.config import Config
from trash_keras.evaluation import ablations, publishing
from trash_keras.evaluation.ablations import Run
from trash_keras.evaluation.predictions import Predictions
from trash_keras.training import loop, runtime


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
    runs = {
        (name, seed): dataclasses.replace(
            config, runtime=dataclasses.replace(config.runtime, seed=config.runtime.seed + seed)
        )
        for seed in range(seeds)
        for name, config in variants.items()
    }
    for (name, seed), config in runs.items():
        configuration.check_workdir(config, _folder(workdir, name, seed))
    # Nothing is trained before all that a user can get wrong has been looked at.
    for config in variants.values():
        loop.check(config)
    found: dict[str, list[Run]] = {name: [] for name in variants}
    result: dict[str, Any] = {}
    for done, ((name, seed), config) in enumerate(runs.items(), start=1):
        folder = _folder(workdir, name, seed)
        print(f"{name}, seed {config.runtime.seed} ({done} of {len(runs)}) in {folder}", flush=True)
        with runtime.released():
            report = loop.train_and_evaluate(config, folder, command, splits=("valid", "test"))
        found[name].append((report, Predictions.load(folder / "predictions" / "valid.csv")))
        files.remove(folder / "model.keras")
        if name == list(variants)[-1]:
            result = _publish(workdir, found, command)
    return result


def _folder(workdir: Path, name: str, seed: int) -> Path:
    return workdir / name / f"seed{seed}"


def _publish(workdir: Path, found: Mapping[str, Sequence[Run]], command: str) -> dict[str, Any]:
    """Writes ablation.json and ablation.md of the seeds that every variant has finished."""
    result = {
        "variants": ablations.compare(found),
        "seeds": len(next(iter(found.values()))),
        "run": publishing.provenance(command),
    }
    files.write_json(workdir / ablations.REPORT, result)
    files.write_text(workdir / ablations.PAGE, ablations.table(result) + "\n")
    return result
