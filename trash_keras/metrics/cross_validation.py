"""Cross-validation: each image is scored by a model that did not train on it.

Figures over all images and several seeds, the files that hold them, and the difference of two
cross-validations of the same images.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.data.groups import Group, connected, load_groups
from trash_keras.metrics import selective, slices
from trash_keras.metrics.intervals import bootstrap_interval, wilson_interval
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.report_file import read_object

REPORT, PAGE = "cross_validation.json", "cross_validation.html"
# The figures of `classification_report` that are averaged over seeds.
FIGURES = (
    "accuracy", "macro_f1", "loss", "ece", "brier", "aurc", "augrc", "coverage_at_2_percent_error",
)  # fmt: skip
# Figures at temperature 1 need one model; here each fold's has a temperature of its own.
UNKNOWN = ("ece_uncalibrated", "brier_uncalibrated")
ImageKey = tuple[str, str]  # file, true class


def aggregate(folds: Sequence[Predictions]) -> Predictions:
    """Joins the predictions of one cross-validation, in the order of the paths.

    Args:
        folds: Predictions for each fold, by the model that did not train on it.
    """
    paths = [path for fold in folds for path in fold.paths]
    order = sorted(range(len(paths)), key=paths.__getitem__)
    return Predictions(
        folds[0].class_names,
        [paths[index] for index in order],
        np.concatenate([fold.labels for fold in folds])[order],
        np.concatenate([fold.probabilities for fold in folds])[order],
    )


def score(
    predictions: Mapping[int, Predictions],
    folds: Sequence[Mapping[str, Any]],
    groups: Sequence[Group] = (),
    slice_of: Mapping[str, str] | None = None,
    source_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Scores cross-validations of the same images.

    Args:
        predictions: Seed -> predictions for every image, from `aggregate`.
        folds: For each fold its `seed`, `examples`, how many of them were `predicted` at the
            threshold that its own validation part chose, and how many of these are `wrong`;
            `sources`, from `slices.totals`, where there are several.
        groups: Near-duplicates, which the interval counts as one cluster.
        slice_of: From `slices.load`.
        source_of: Path -> source, from `Catalog.source_of`.

    Returns:
        `class_names`, `images`; for each of `FIGURES` its `mean` over the seeds and
        `standard_deviation` (of a sample; None for one seed), and for `accuracy` also `interval`
        (see `bootstrap_interval`, of each image's mean over the seeds; Wilson's where all or
        none are right); `per_class`, means over the seeds; `confusion_matrix`, the sum over the
        seeds; `abstention` with the `coverage` (share of images that got a prediction) and the
        `error` among them, over all seeds; `seeds`, for each `seed` what `Predictions.score`
        returns without `UNKNOWN`, with the Wilson 95% `error_interval` of its `abstention` and,
        where there are any, `subsets` of `slices.slice_metrics`; and with several sources
        `sources`, for each what `slices.rates` returns over all seeds, with the bootstrap
        `accuracy_interval` of its images.
    """
    first = next(iter(predictions.values()))
    seeds = []
    for seed, found in predictions.items():
        scores = {"seed": seed, **found.score()}
        scores["abstention"] = _abstention([fold for fold in folds if fold["seed"] == seed])
        for name in UNKNOWN:
            del scores[name]
        if slice_of:
            scores["subsets"] = slices.slice_metrics(found, slice_of)
        seeds.append(scores)
    everywhere = _abstention(folds)
    over_seeds: dict[str, Any] = {name: _over_seeds([s[name] for s in seeds]) for name in FIGURES}
    accuracy_of = per_image_accuracy(list(predictions.values()))
    accuracies = np.array(list(accuracy_of.values()))
    clusters = bootstrap_clusters(first.paths, groups)
    over_seeds["accuracy"]["interval"] = _interval(accuracies, clusters)
    sources = {}
    for name, rows in _rows_by_source(first.paths, source_of or {}).items():
        sources[name] = _of_source(name, folds)
        sources[name]["accuracy_interval"] = _interval(accuracies[rows], clusters[rows])
    return {
        "class_names": list(first.class_names),
        "images": len(first.paths),
        **over_seeds,
        "per_class": {
            name: {
                figure: float(np.mean([scores["per_class"][name][figure] for scores in seeds]))
                for figure in ("precision", "recall", "f1")
            }
            | {"support": seeds[0]["per_class"][name]["support"]}
            for name in first.class_names
        },
        "abstention": {name: everywhere[name] for name in ("coverage", "error")},
        "confusion_matrix": np.sum([scores["confusion_matrix"] for scores in seeds], 0).tolist(),
        "seeds": seeds,
        **({"sources": sources} if sources else {}),
    }


def _rows_by_source(paths: Sequence[str], source_of: Mapping[str, str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(paths if source_of else ()):
        rows.setdefault(source_of[path], []).append(row)
    return dict(sorted(rows.items()))


def _of_source(name: str, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds up what the folds say of a source."""
    found = [fold["sources"][name] for fold in folds if name in fold["sources"]]
    counted = ("examples", "correct", "predicted", "wrong")
    return slices.rates(*(sum(fold[count] for fold in found) for count in counted))


def _abstention(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counted = ("examples", "predicted", "wrong")
    return selective.abstention(*(sum(fold[name] for fold in folds) for name in counted))


def _over_seeds(values: Sequence[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "standard_deviation": deviation}


def _interval(accuracies: np.ndarray, clusters: np.ndarray) -> list[float]:
    if len(set(accuracies)) == 1 and accuracies[0] in (0, 1):
        # All bootstrap samples would be the same, which makes nothing certain.
        count = len(set(clusters.tolist()))
        return wilson_interval(int(accuracies[0]) * count, count)
    return bootstrap_interval(accuracies, clusters)


def per_image_accuracy(predictions: Sequence[Predictions]) -> dict[ImageKey, float]:
    """Returns for each image the share of its predictions that are right, 0 to 1.

    Args:
        predictions: One for each seed, on the same images in the same order.
    """
    right = [found.probabilities.argmax(axis=1) == found.labels for found in predictions]
    truth = [predictions[0].class_names[label] for label in predictions[0].labels]
    images = zip(predictions[0].paths, truth, strict=True)
    return dict(zip(images, np.mean(right, axis=0).tolist(), strict=True))


def bootstrap_clusters(paths: Sequence[str], groups: Sequence[Group]) -> np.ndarray:
    """Returns the clusters of `bootstrap_interval`, int [N]: linked images have the same number."""
    row = {path: index for index, path in enumerate(paths)}
    clusters = np.arange(len(paths))
    links = [[row[path] for path in group if path in row] for group in groups]
    for rows in connected(len(paths), filter(None, links)):
        clusters[rows] = rows[0]
    return np.unique(clusters, return_inverse=True)[1]


def load(folder: str | os.PathLike) -> dict[str, Any]:
    """Reads the report of a cross-validation; empty when there is none.

    Raises:
        ValueError: It is damaged.
    """
    return read_object(Path(folder) / REPORT)


def as_report(folder: str | os.PathLike) -> dict[str, Any]:
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
            "examples": validated["images"],
        },
        "run": {"training_minutes": sum(fold["training_minutes"] for fold in validated["folds"])},
    }


def predictions_file(folder: str | os.PathLike, seed: int) -> Path:
    """Returns the file of a seed's predictions in the folder of a cross-validation."""
    return Path(folder) / "predictions" / f"seed{seed}.csv"


def load_accuracy(folder: str | os.PathLike, report: Mapping[str, Any]) -> dict[ImageKey, float]:
    """Reads the predictions of a cross-validation, see `per_image_accuracy`.

    Raises:
        ValueError: A file of predictions is missing or damaged.
    """
    seeds = [scores["seed"] for scores in report["seeds"]]
    predictions = [Predictions.load(predictions_file(folder, seed)) for seed in seeds]
    return per_image_accuracy(predictions)


def difference(
    first: Mapping[ImageKey, float],
    second: Mapping[ImageKey, float],
    folders: Sequence[str | os.PathLike],
) -> dict[str, Any]:
    """Compares two cross-validations of the same images, image by image.

    Args:
        first: From `load_accuracy`.
        second: The same images.
        folders: Of the two; groups.json in either says which images are one cluster.

    Returns:
        `difference`, accuracy of the second less that of the first, -1 to 1, and its
        `difference_interval` by `bootstrap_interval`.
    """
    named = [Path(folder) / "groups.json" for folder in folders]
    groups = [group for path in named if path.exists() for group in load_groups(path)]
    change = np.array([second[image] - first[image] for image in first])
    clusters = bootstrap_clusters([file for file, _ in first], groups)
    return {
        "difference": float(change.mean()),
        "difference_interval": bootstrap_interval(change, clusters),
    }
