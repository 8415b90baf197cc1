"""Ablation: the variants of a recipe compared with it on validation, as a Markdown table."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.metrics import comparison, cross_validation, intervals, report_file
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import markdown

REPORT, PAGE = "ablation.json", "ablation.md"
EXTERNAL = Path("predictions", "external.csv")


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run of one seed.

    Attributes:
        report: Its `report.json`.
        valid: Its predictions for the validation split.
        external: Its predictions for images of another source, if there are any.
    """

    report: Mapping[str, Any]
    valid: Predictions
    external: Predictions | None = None


def load(folder: Path, external: bool = False) -> Run:
    """Reads a finished run.

    Args:
        folder: Of the run.
        external: Whether to read its predictions for images of another source, too.

    Raises:
        ValueError: There is none, or one of its files is damaged.
    """
    return Run(
        report_file.read_report(folder),
        Predictions.load(folder / "predictions" / "valid.csv"),
        Predictions.load(folder / EXTERNAL) if external else None,
    )


def compare(found: Mapping[str, Sequence[Run]]) -> list[dict[str, Any]]:
    """Compares every variant with the first, seed by seed and image by image.

    Args:
        found: Name -> a run for each seed, the same seeds for all; the first is the recipe. All or
            none have predictions for images of another source.

    Returns:
        For each its `name`; `settings`, what differs from the recipe; of the validation split
        `accuracy` (mean over the seeds), `lowest`, `highest`, `loss` (mean cross-entropy, nats,
        after calibration); `minutes` (mean, of training); and except for the recipe `difference`,
        accuracy less the recipe's, -1 to 1, with its `difference_interval`, see
        `intervals.bootstrap_interval`. An image that several seeds have in validation is one draw.
        `foreign` has the same figures of accuracy for images of another source, if there are any.

    Raises:
        ValueError: Two runs of a seed have different validation images.
    """
    recipe, *_ = found.values()
    return [_row(name, runs, recipe) for name, runs in found.items()]


def _row(name: str, runs: Sequence[Run], recipe: Sequence[Run]) -> dict[str, Any]:
    settings, plain = (comparison.flat(each[0].report["config"]) for each in (runs, recipe))
    row: dict[str, Any] = {
        "name": name,
        "settings": {key: value for key, value in settings.items() if value != plain[key]},
        "loss": float(np.mean([run.report["valid"]["loss"] for run in runs])),
        "minutes": float(np.mean([run.report["run"]["training_minutes"] for run in runs])),
        **_accuracy([run.valid for run in runs]),
    }
    external = [run.external for run in runs if run.external]
    if external:
        row["foreign"] = _accuracy(external)
    if runs is not recipe:
        row |= _difference(name, [run.valid for run in runs], [run.valid for run in recipe])
        if external:
            before = [run.external for run in recipe if run.external]
            row["foreign"] |= _difference(name, external, before)
    return row


def _accuracy(predictions: Sequence[Predictions]) -> dict[str, float]:
    accuracies = [
        float(np.mean(list(cross_validation.per_image_accuracy([found]).values())))
        for found in predictions
    ]
    return {
        "accuracy": float(np.mean(accuracies)),
        "lowest": min(accuracies),
        "highest": max(accuracies),
    }


def _difference(
    name: str, predictions: Sequence[Predictions], recipe: Sequence[Predictions]
) -> dict[str, Any]:
    changes, images = [], []
    for found, before in zip(predictions, recipe, strict=True):
        now, then = (cross_validation.per_image_accuracy([part]) for part in (found, before))
        if set(now) != set(then):
            raise ValueError(f"{name} was scored on other images than the recipe.")
        changes += [now[image] - then[image] for image in then]
        images += [file for file, _ in then]
    draws = np.unique(images, return_inverse=True)[1]
    return {
        "difference": float(np.mean(changes)),
        "difference_interval": intervals.bootstrap_interval(np.array(changes), draws),
    }


def table(result: Mapping[str, Any]) -> str:
    """Returns a Markdown table with a row for each variant, in the order of `compare`.

    Args:
        result: With `variants` of `compare` and the number of `seeds`.
    """
    heading = [
        "variant",
        "what changed",
        f"valid, mean of {result['seeds']} seed(s)",
        "lowest to highest",
        "points from the recipe (95% interval)",
        "cross-entropy",
        "minutes",
    ]
    if "foreign" in result["variants"][0]:
        heading += ["other source", "lowest to highest", "points from the recipe (95% interval)"]
    return markdown.table(heading, [_cells(row) for row in result["variants"]], left=2)


def _cells(row: Mapping[str, Any]) -> list[str]:
    changed = " ".join(f"`--{key}={value}`" for key, value in row["settings"].items())
    return [
        markdown.plain(row["name"]),
        changed,
        *_accuracy_cells(row),
        f"{row['loss']:.3f}",
        f"{row['minutes']:.1f}",
        *(_accuracy_cells(row["foreign"]) if "foreign" in row else ()),
    ]


def _accuracy_cells(row: Mapping[str, Any]) -> list[str]:
    points = ""
    if "difference" in row:
        low, high = (100 * end for end in row["difference_interval"])
        points = f"{100 * row['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
    return [f"{row['accuracy']:.1%}", f"{row['lowest']:.1%} to {row['highest']:.1%}", points]
