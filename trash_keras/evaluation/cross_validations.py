"""Finished cross-validations: where their files lie, what is in them, how two of them differ."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.data.audit.groups import load_groups
from trash_keras.evaluation import pooling
from trash_keras.evaluation.pooling import Picture
from trash_keras.evaluation.predictions import Predictions
from trash_keras.metrics import intervals
from trash_keras.metrics.report_file import read_object

REPORT, PAGE = "cross_validation.json", "cross_validation.html"


def load(folder: str | os.PathLike) -> dict[str, Any]:
    """Reads the report of a cross-validation; empty when there is none.

    Raises:
        ValueError: It is damaged.
    """
    return read_object(Path(folder) / REPORT)


def as_run(folder: str | os.PathLike) -> dict[str, Any]:
    """Reads a cross-validation in the form of a run's report: means over the seeds, as test."""
    validated = load(folder)
    if not validated:
        return {}
    return {
        "class_names": validated["class_names"],
        "test": {
            "accuracy": validated["accuracy"]["mean"],
            "accuracy_interval": validated["accuracy"]["interval"],
            "macro_f1": validated["macro_f1"]["mean"],
            "examples": validated["pictures"],
        },
        "run": {"training_minutes": sum(fold["training_minutes"] for fold in validated["folds"])},
    }


def predictions_file(folder: str | os.PathLike, seed: int) -> Path:
    """Returns where the pooled answers of a seed lie in the folder of a cross-validation."""
    return Path(folder) / "predictions" / f"seed{seed}.csv"


def load_shares(folder: str | os.PathLike, report: Mapping[str, Any]) -> dict[Picture, float]:
    """Reads the answers of a cross-validation, see `pooling.shares_right`.

    Raises:
        ValueError: A file of predictions is missing or damaged.
    """
    seeds = [scores["seed"] for scores in report["seeds"]]
    answers = [Predictions.load(predictions_file(folder, seed)) for seed in seeds]
    return pooling.shares_right(answers)


def difference(
    first: Mapping[Picture, float],
    second: Mapping[Picture, float],
    folders: Sequence[str | os.PathLike],
) -> dict[str, Any]:
    """Compares two cross-validations of the same pictures, picture by picture.

    Args:
        first: From `load_shares`.
        second: The same pictures.
        folders: Of the two; groups.json in either says which pictures are one draw.

    Returns:
        `difference`, accuracy of the second less that of the first, -1 to 1, and its
        `difference_interval` by `intervals.bootstrap_interval`.
    """
    named = [Path(folder) / "groups.json" for folder in folders]
    groups = [group for path in named if path.exists() for group in load_groups(path)]
    change = np.array([second[picture] - first[picture] for picture in first])
    draws = pooling.draws_of([file for file, _ in first], groups)
    return {
        "difference": float(change.mean()),
        "difference_interval": intervals.bootstrap_interval(change, draws),
    }
