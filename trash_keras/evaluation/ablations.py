"""What became better or worse when one thing of a recipe was changed, on validation."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.evaluation import comparison, markdown, pooling
from trash_keras.evaluation.predictions import Predictions

REPORT, PAGE = "ablation.json", "ablation.md"
# A finished run of one seed: its report, and its answers for the validation split.
Run = tuple[Mapping[str, Any], Predictions]


def load(folder: Path) -> Run:
    """Reads a finished run.

    Raises:
        OSError, ValueError: There is none.
    """
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report, Predictions.load(folder / "predictions" / "valid.csv")


def compare(found: Mapping[str, Sequence[Run]]) -> list[dict[str, Any]]:
    """Compares every variant with the first, seed by seed and picture by picture.

    Args:
        found: Name -> a run for each seed, the same seeds for all; the first is the recipe.

    Returns:
        For each its `name`; `settings`, what differs from the recipe; of the validation split
        `accuracy` (mean over the seeds), `lowest`, `highest`, `loss` (mean cross-entropy, nats,
        after calibration); `minutes` (mean, of training); and except for the recipe `difference`,
        accuracy less the recipe's, -1 to 1, with its `difference_interval`, see
        `pooling.bootstrap_interval`. A picture that several seeds have in validation is one draw.

    Raises:
        ValueError: Two runs of a seed have other validation pictures.
    """
    recipe, *_ = found.values()
    return [_row(name, runs, recipe) for name, runs in found.items()]


def _row(name: str, runs: Sequence[Run], recipe: Sequence[Run]) -> dict[str, Any]:
    scores = [report["valid"] for report, _ in runs]
    accuracies = [each["accuracy"] for each in scores]
    settings, plain = (comparison.flat(each[0][0]["config"]) for each in (runs, recipe))
    row = {
        "name": name,
        "settings": {key: value for key, value in settings.items() if value != plain[key]},
        "accuracy": float(np.mean(accuracies)),
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "loss": float(np.mean([each["loss"] for each in scores])),
        "minutes": float(np.mean([report["run"]["training_minutes"] for report, _ in runs])),
    }
    if runs is not recipe:
        row |= _difference(name, runs, recipe)
    return row


def _difference(name: str, runs: Sequence[Run], recipe: Sequence[Run]) -> dict[str, Any]:
    changes, pictures = [], []
    for (_, answers), (_, before) in zip(runs, recipe, strict=True):
        now, then = pooling.shares_right([answers]), pooling.shares_right([before])
        if set(now) != set(then):
            raise ValueError(f"{name} was validated on other pictures than the recipe.")
        changes += [now[picture] - then[picture] for picture in then]
        pictures += [file for file, _ in then]
    draws = np.unique(pictures, return_inverse=True)[1]
    return {
        "difference": float(np.mean(changes)),
        "difference_interval": pooling.bootstrap_interval(np.array(changes), draws),
    }


def table(result: Mapping[str, Any]) -> str:
    """Returns a Markdown table, a row a variant, in the order of `compare`.

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
    return markdown.table(heading, [_cells(row) for row in result["variants"]], left=2)


def _cells(row: Mapping[str, Any]) -> list[str]:
    changed = " ".join(f"`--{key}={value}`" for key, value in row["settings"].items())
    points = ""
    if "difference" in row:
        low, high = (100 * end for end in row["difference_interval"])
        points = f"{100 * row['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
    return [
        markdown.plain(row["name"]),
        changed,
        f"{row['accuracy']:.1%}",
        f"{row['lowest']:.1%} to {row['highest']:.1%}",
        points,
        f"{row['loss']:.3f}",
        f"{row['minutes']:.1f}",
    ]
