"""Ablation: a recipe and its variants, trained with several seeds each, compared on validation.

Each run is a `trainer.train_and_evaluate` in a folder of its own, which resumes by itself. All runs
of a seed come before those of the next, so that a table of few seeds is there early. The same
command started a second time at once shares the work.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trash_keras.config import Config
from trash_keras.data import image_listing, multi_source, validation
from trash_keras.data.catalog import WHOLE
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import open_reader
from trash_keras.evaluation import score
from trash_keras.host import cluster
from trash_keras.metrics.predictions import Predictions
from trash_keras.predictor import Predictor
from trash_keras.reporting import ablation, report
from trash_keras.storage import local
from trash_keras.training import (
    devices,
    kept_features,
    resume,
    run_data,
    trainer,
    work_queue,
)


def ablate(
    variants: Mapping[str, Config],
    seeds: int,
    workdir: str | Path,
    command: str = "",
    external_dir: str = "",
) -> dict[str, Any]:
    """Trains what is not trained yet, and compares every variant with the first one.

    Args:
        variants: Name, which becomes a folder, -> its configuration; the first is the recipe.
            `runtime.seed` of each is the first seed.
        seeds: Runs of each.
        workdir: Folder for everything that is written. Models are not kept.
        command: The command line, for the report.
        external_dir: Class folders of images that no run trains on, to compare on as well; their
            classes must be the recipe's, or some of them. Empty: none.

    Returns:
        The content of `ablation.json`: `variants`, from `ablation.compare`; `seeds`; `run`.

    Raises:
        ValueError: As `trainer.train_and_evaluate`, for any of the variants; the images of
            `external_dir` do not fit; or a run was finished without them, and its model is gone, or
            with different ones.
    """
    cluster.require_alone("ablate")
    workdir = Path(workdir)
    runs = [
        (_folder(workdir, name, seed), _with_seed(config, seed))
        for seed in range(seeds)
        for name, config in variants.items()
    ]
    for folder, config in runs:
        resume.check(config, folder)
    # Nothing is trained before everything that a user can get wrong has been checked.
    for config in variants.values():
        trainer.check(config)
    external = _external(external_dir, next(iter(variants.values()))) if external_dir else None
    if external:
        for folder, _ in runs:
            _check_external(folder, external)
    result: dict[str, Any] = {}

    def train(number: int) -> None:
        nonlocal result
        folder, config = runs[number]
        name = f"{folder.parent.name}, seed {config.runtime.seed} ({number + 1} of {len(runs)})"
        print(f"{name} in {folder}", flush=True)
        _train(folder, config, command, external)
        complete = _complete_seeds(workdir, variants, seeds, external is not None)
        if complete > result.get("seeds", 0):
            result = _write_report(workdir, variants, complete, command, external is not None)

    work_queue.run_exclusively([folder for folder, _ in runs], train)
    return result


def _folder(workdir: Path, name: str, seed: int) -> Path:
    return workdir / name / f"seed{seed}"


def _with_seed(config: Config, seed: int) -> Config:
    """Returns the configuration with its seed raised by `seed`."""
    seed += config.runtime.seed
    return dataclasses.replace(config, runtime=dataclasses.replace(config.runtime, seed=seed))


def _train(folder: Path, config: Config, command: str, external: Split | None) -> None:
    """Trains a run and predicts the external images, unless that is done; removes the model."""
    with devices.released():
        trainer.train_and_evaluate(config, folder, command, splits=("valid", "test"))
        if external and not (folder / ablation.EXTERNAL).exists():
            predictor = Predictor.load(folder / trainer.MODEL)
            predictions = score.predict_split(predictor, external)
            predictions.save(folder / ablation.EXTERNAL)
    for name in (trainer.MODEL, kept_features.FILE):
        local.remove(folder / name)


def _external(data_dir: str, recipe: Config) -> Split:
    """Lists the external images; raises ValueError unless they fit the recipe's data."""
    reader = open_reader(data_dir)
    image_listing.tell(reader.passed_over(), data_dir)
    external = multi_source.open_sources(data_dir, "", reader)
    catalog = multi_source.whole(external)[0]
    data = recipe.data
    sources = multi_source.open_sources(data.data_dir, data.label_map, run_data.open_data(data))
    known = multi_source.split(
        sources, data.split_method, recipe.runtime.seed, data.split_dir
    ).class_names
    if not set(catalog.class_names) <= set(known):
        multi_source.require_class_folders(external, "Name one as --external_dir.")
    if unknown := [name for name in catalog.class_names if name not in known]:
        raise ValueError(
            f"--external_dir has classes that are not in --data_dir: {', '.join(unknown)}. "
            f"There are: {', '.join(known)}."
        )
    catalog = validation.keep_decodable(catalog, reader, data.bad_files, data.max_megapixels)
    return Split(catalog, WHOLE, reader)


def _check_external(folder: Path, external: Split) -> None:
    """Raises ValueError for a run that cannot get predictions for these images."""
    predictions = folder / ablation.EXTERNAL
    if predictions.exists():
        if set(Predictions.load(predictions).paths) != set(external.catalog.paths()):
            raise ValueError(
                f"{folder} has predictions for other images than those of --external_dir. "
                "Use another --workdir."
            )
    elif trainer.is_complete(folder) and not (folder / trainer.MODEL).exists():
        raise ValueError(
            f"{folder} was finished without --external_dir, and its model is gone. Remove the "
            "folder, or leave the flag out."
        )


def _is_scored(folder: Path, external: bool) -> bool:
    """Returns whether a run has everything that is compared."""
    return trainer.is_complete(folder) and (not external or (folder / ablation.EXTERNAL).exists())


def _complete_seeds(workdir: Path, names: Iterable[str], seeds: int, external: bool) -> int:
    """Returns how many of the first seeds every variant has finished."""
    for seed in range(seeds):
        if not all(_is_scored(_folder(workdir, name, seed), external) for name in names):
            return seed
    return seeds


def _write_report(
    workdir: Path, names: Iterable[str], seeds: int, command: str, external: bool
) -> dict[str, Any]:
    """Writes ablation.json and ablation.md of the first seeds."""
    found = {
        name: [ablation.load(_folder(workdir, name, seed), external) for seed in range(seeds)]
        for name in names
    }
    result = {
        "variants": ablation.compare(found),
        "seeds": seeds,
        "run": report.provenance(command),
    }
    local.write_json(workdir / ablation.REPORT, result)
    local.write_text(workdir / ablation.PAGE, ablation.table(result) + "\n")
    return result
