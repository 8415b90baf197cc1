"""Cross-validation: a training run for each fold of each seed, then their predictions together.

Each fold is a run of `trainer.train_and_evaluate` in a folder of its own, which resumes by itself.
Its catalog is written before it starts: the fold is its test split. So a killed command continues
at the fold and epoch where it stopped, and a second one started at once shares the work.
"""

import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trash_keras.calibration import pooled
from trash_keras.config import Config, CrossValidationConfig
from trash_keras.data import image_listing, pipeline
from trash_keras.data.catalog import WHOLE, Catalog
from trash_keras.data.folds import leave_one_source_out, make_folds
from trash_keras.data.groups import Group
from trash_keras.data.multi_source import LEAVE_ONE_OUT
from trash_keras.data.readers.base import Reader
from trash_keras.host import cluster
from trash_keras.metrics import classification, cross_validation, report_file, slices
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import cross_validation_page, report
from trash_keras.storage import local, locks
from trash_keras.storage.names import to_bytes
from trash_keras.training import (
    devices,
    distillation,
    kept_features,
    resume,
    run_data,
    stages,
    trainer,
    work_queue,
)

METHODS = ("stratified", "grouped", LEAVE_ONE_OUT)


@dataclasses.dataclass(frozen=True)
class Fold:
    """A training run of a cross-validation.

    Attributes:
        seed: Of the run and of its division into folds.
        number: 0 to folds - 1.
        folder: Where it writes, WORKDIR/seedS/foldF.
        catalog: Its images; the fold is the split `test`.
    """

    seed: int
    number: int
    folder: Path
    catalog: Catalog


def cross_validate(
    config: CrossValidationConfig, workdir: str | Path, command: str = ""
) -> dict[str, Any]:
    """Trains and scores every fold of every seed, or resumes where an earlier call stopped.

    Args:
        config: The runs; `runtime.seed` is the first seed.
        workdir: Folder for everything that is written.
        command: The command line, for the report.

    Returns:
        The content of `cross_validation.json`, see `cross_validation.score` and
        `cross_validation_page.write`.

    Raises:
        ValueError: As `trainer.train_and_evaluate`; or the split method makes no folds.
    """
    workdir = Path(workdir)
    _check(config, workdir)
    known = cross_validation.load(workdir)
    if known.get("config") == config.to_dict():
        resume.require_nothing_new(config, workdir, cross_validation.PAGE)
        print(f"This cross-validation is complete: {workdir / cross_validation.PAGE}", flush=True)
        return known
    trainer.check(config)
    reader = run_data.open_data(config.data)
    # One process decides what the others share.
    with locks.hold("workdir", workdir, wait=True), pipeline.naming_images():
        catalog, groups, folds, slice_of = _begin(config, workdir, reader)
    reports = _run(config, folds, command)
    predictions = _aggregate(folds)
    rows = [_row(fold, scores) for fold, scores in zip(folds, reports, strict=True)]
    result = {
        **cross_validation.score(predictions, rows, groups, slice_of, catalog.source_of()),
        "folds": rows,
        "left_out": _left_out(catalog, folds),
        "groups": len(groups),
        "grouped_images": sum(map(len, groups)),
        "bad_files": list(catalog.bad_files),
        "passed_over": image_listing.summary(reader.passed_over()),
        "config": config.to_dict(),
        "run": report.provenance(command, config.data.data_dir),
    }
    cross_validation_page.write(result, predictions, workdir)
    return result


def _begin(
    config: CrossValidationConfig, workdir: Path, reader: Reader
) -> tuple[Catalog, list[Group], list[Fold], dict[str, str]]:
    """Divides the images, and writes what the processes of a cross-validation share.

    Nothing is written before everything that a user can get wrong has been checked.
    """
    resume.check(config, workdir)  # again: another process may have begun meanwhile
    catalog, groups = run_data.single_split_of_run(config, workdir, reader)
    slice_of = slices.load(config.data.slices, catalog.paths())
    folds = list(_folds(config, workdir, catalog, groups))
    for fold in folds:
        if not trainer.is_complete(fold.folder):  # else its teacher may be gone
            distillation.find(_of_fold(config, fold), fold.folder, fold.catalog)
            distillation.require_unseen_by_init(config, fold.catalog)
            if named := config.answering.calibration_predictions:
                pooled.load(named, fold.catalog)
    local.write_json(workdir / "config.json", config.to_dict(), checked=True)
    if groups or config.data.split_method == "grouped":
        run_data.save_run_groups(workdir, groups, config)
    catalog.save(workdir / "catalog.json")
    return catalog, groups, folds, slice_of


def _check(config: CrossValidationConfig, workdir: Path) -> None:
    cluster.require_alone("cross_validate")
    if config.data.split_method not in METHODS:
        raise ValueError(
            f"A cross-validation makes its own folds: --split_method must be "
            f"one of {', '.join(METHODS)}. Received: {config.data.split_method}"
        )
    if not stages.plan(config.training, config.model):
        raise ValueError(
            "A cross-validation trains: --head_epochs or --finetune_epochs must be above 0. "
            "Received: 0 for both."
        )
    for folder in distillation.named(config):
        if not cross_validation.load(Path(folder)):
            raise ValueError(
                "--teacher must be the folder of a finished cross-validation with the same folds, "
                f"since a single model knows images of most folds. Received: {folder}"
            )
    if (workdir / "metrics.csv").exists():
        raise ValueError(f"{workdir} holds a training run. Use another --workdir.")
    resume.check(config, workdir)


def _folds(
    config: CrossValidationConfig, workdir: Path, catalog: Catalog, groups: Sequence[Group]
) -> Iterator[Fold]:
    settings = config.cross_validation
    first = config.runtime.seed
    for seed in range(first, first + settings.seeds):
        if config.data.split_method == LEAVE_ONE_OUT:
            made = leave_one_source_out(catalog, seed, groups)
        else:
            made = make_folds(catalog, settings.folds, seed, groups)
        for number, fold in enumerate(made):
            folder = workdir / _place(seed, number)
            written = folder / "catalog.json"
            # Other folds must not be aggregated with these: some images would count twice.
            if written.exists() and Catalog.load(written) != fold:
                raise ValueError(f"{folder} holds another fold. Use another --workdir.")
            yield Fold(seed, number, folder, fold)


def _place(seed: int, number: int) -> Path:
    """Returns where a fold lies in the folder of its cross-validation."""
    return Path(f"seed{seed}", f"fold{number}")


def _of_fold(config: CrossValidationConfig, fold: Fold) -> Config:
    """Returns the run of a fold; its teachers are the models of the same fold."""
    sections = {field.name: getattr(config, field.name) for field in dataclasses.fields(Config)}
    sections["runtime"] = dataclasses.replace(config.runtime, seed=fold.seed)
    cache = config.data.cache_dir
    if cache:  # no other fold has the same images in the same split
        place = hashlib.sha256(to_bytes(os.path.realpath(fold.folder))).hexdigest()[:8]
        cache = os.path.join(cache, "-".join([*fold.folder.parts[-3:], place]))
    sections["data"] = dataclasses.replace(config.data, cache_dir=cache)
    models = [
        str(Path(folder) / _place(fold.seed, fold.number) / "model.keras")
        for folder in distillation.named(config)
    ]
    sections["distillation"] = dataclasses.replace(config.distillation, teacher=",".join(models))
    return Config(**sections)


def _run(config: CrossValidationConfig, folds: list[Fold], command: str) -> list[dict[str, Any]]:
    """Trains what is not yet trained; returns the report of each fold."""
    reports: dict[int, dict[str, Any]] = {}
    started, complete = time.monotonic(), _complete(folds)

    def train(number: int) -> None:
        fold = folds[number]
        name = f"Seed {fold.seed}, fold {fold.number} ({number + 1} of {len(folds)})"
        print(f"{name} in {fold.folder}", flush=True)
        reports[number] = _train(config, fold, command)
        left, now = "", _complete(folds)
        if complete < now < len(folds):
            minutes = (time.monotonic() - started) / 60 / (now - complete) * (len(folds) - now)
            left = f"; about {minutes:.0f} minutes to go"
        print(classification.summary(name, reports[number]["test"]) + left, flush=True)

    work_queue.run_exclusively([fold.folder for fold in folds], train)
    return [reports[number] for number in range(len(folds))]


def _aggregate(folds: Sequence[Fold]) -> dict[int, Predictions]:
    """Returns the predictions of all folds of each seed together."""
    return {
        seed: cross_validation.aggregate(
            [
                Predictions.load(fold.folder / "predictions" / "test.csv")
                for fold in folds
                if fold.seed == seed
            ]
        )
        for seed in dict.fromkeys(fold.seed for fold in folds)
    }


def _left_out(catalog: Catalog, folds: Sequence[Fold]) -> dict[str, int]:
    """Returns stratum -> images that no fold scores: of a class that one source alone has."""
    scored = {path for fold in folds for path in fold.catalog.examples("test")[0]}
    counts = {
        stratum: sum(path not in scored for path in paths)
        for stratum, paths in catalog.strata(WHOLE).items()
    }
    return {stratum: count for stratum, count in counts.items() if count}


def _complete(folds: Sequence[Fold]) -> int:
    return sum(trainer.is_complete(fold.folder) for fold in folds)


def _train(config: CrossValidationConfig, fold: Fold, command: str) -> dict[str, Any]:
    own = _of_fold(config, fold)
    if not (fold.folder / "catalog.json").exists():
        fold.catalog.save(fold.folder / "catalog.json")
    if trainer.is_complete(fold.folder):  # whatever has come to the data since
        print(f"This run is complete: {fold.folder / 'report.html'}", flush=True)
        scores = report_file.read_report(fold.folder)
    else:
        with devices.released():
            scores = trainer.train_and_evaluate(own, fold.folder, command, splits=("valid", "test"))
    if own.data.cache_dir:
        local.remove(own.data.cache_dir)
    if not config.cross_validation.keep_models:
        for name in ("model.keras", kept_features.FILE):
            local.remove(fold.folder / name)
    return scores


def _row(fold: Fold, scores: dict[str, Any]) -> dict[str, Any]:
    figures = ("examples", "accuracy", "accuracy_interval", "macro_f1")
    abstention = scores["test"]["abstention"]
    predicted = round(abstention["coverage"] * scores["test"]["examples"])
    sources = scores.get("sources", {}).get("test", {})
    return {
        "seed": fold.seed,
        "fold": fold.number,
        **({"sources": sources} if sources else {}),
        **{figure: scores["test"][figure] for figure in figures},
        "threshold": abstention["threshold"],
        "predicted": predicted,
        "wrong": round((abstention["error"] or 0) * predicted),
        "valid_accuracy": scores["valid"]["accuracy"],
        "best_epoch": scores["run"]["best_epoch"],
        "training_minutes": scores["run"]["training_minutes"],
    }
