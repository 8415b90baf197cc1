"""Answers of cross-validation -> figures over all pictures, and over several seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trash_keras.data.audit.groups import Group, connected
from trash_keras.evaluation import subsets
from trash_keras.evaluation.predictions import Predictions
from trash_keras.metrics import selective
from trash_keras.metrics.intervals import bootstrap_interval, wilson_interval

# The figures of `report.score` that are averaged over seeds.
FIGURES = ("accuracy", "macro_f1", "loss", "ece", "brier", "aurc", "coverage_at_2_percent_error")
# What `report.score` tells of one model; here each fold's has a temperature of its own.
UNKNOWN = ("ece_uncalibrated", "brier_uncalibrated")
Picture = tuple[str, str]  # file, true class


def pool(folds: Sequence[Predictions]) -> Predictions:
    """Joins what the models of one cross-validation answered, in the order of the paths.

    Args:
        folds: Answers for each fold, by the model that was not trained on it.
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
    answers: Mapping[int, Predictions],
    folds: Sequence[Mapping[str, Any]],
    groups: Sequence[Group] = (),
    subset_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Scores cross-validations of the same pictures.

    Args:
        answers: Seed -> answers for every picture, from `pool`.
        folds: For each fold its `seed`, `examples`, how many of them were `answered` at the
            threshold that its own validation part chose, and how many of these are `wrong`.
        groups: Pictures that show the same, which the interval counts as one draw.
        subset_of: From `subsets.load`.

    Returns:
        `class_names`, `pictures`; for each of `FIGURES` its `mean` over the seeds and
        `standard_deviation` (of a sample; None for one seed), and for `accuracy` also `interval`
        (see `bootstrap_interval`, of each picture's mean over the seeds; Wilson's where all or
        none are right); `per_class`, means over the seeds; `confusion_matrix`, the sum over the
        seeds; `abstention` with the `coverage` (share of pictures that got an answer) and the
        `error` among them, over all seeds; `seeds`, for each `seed` its section of
        `report.score` without `UNKNOWN`, with the Wilson 95% `error_interval` of its `abstention`
        and, where there are any, `subsets` of `subsets.recalls`.
    """
    first = next(iter(answers.values()))
    seeds = []
    for seed, found in answers.items():
        scores = {"seed": seed, **found.score()}
        scores["abstention"] = _abstention([fold for fold in folds if fold["seed"] == seed])
        for name in UNKNOWN:
            del scores[name]
        if subset_of:
            scores["subsets"] = subsets.recalls(found, subset_of)
        seeds.append(scores)
    everywhere = _abstention(folds)
    over_seeds: dict[str, Any] = {name: _over_seeds([s[name] for s in seeds]) for name in FIGURES}
    shares = shares_right(list(answers.values()))
    over_seeds["accuracy"]["interval"] = _interval(
        np.array(list(shares.values())), draws_of(first.paths, groups)
    )
    return {
        "class_names": list(first.class_names),
        "pictures": len(first.paths),
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
    }


def _abstention(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counted = ("examples", "answered", "wrong")
    return selective.abstention(*(sum(fold[name] for fold in folds) for name in counted))


def _over_seeds(values: Sequence[float]) -> dict[str, Any]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "standard_deviation": deviation}


def _interval(shares: np.ndarray, draws: np.ndarray) -> list[float]:
    if len(set(shares)) == 1 and shares[0] in (0, 1):
        # All samples of pictures that are all alike are alike, which makes nothing certain.
        count = int(draws.max()) + 1
        return wilson_interval(int(shares[0]) * count, count)
    return bootstrap_interval(shares, draws)


def shares_right(answers: Sequence[Predictions]) -> dict[Picture, float]:
    """Returns for each picture the share of answers that are right, 0 to 1.

    Args:
        answers: One for each seed, on the same pictures in the same order.
    """
    right = [found.probabilities.argmax(axis=1) == found.labels for found in answers]
    truth = [answers[0].class_names[label] for label in answers[0].labels]
    pictures = zip(answers[0].paths, truth, strict=True)
    return dict(zip(pictures, np.mean(right, axis=0).tolist(), strict=True))


def draws_of(paths: Sequence[str], groups: Sequence[Group]) -> np.ndarray:
    """Returns int [N] for `bootstrap_interval`: pictures that groups link have the same number."""
    row = {path: index for index, path in enumerate(paths)}
    draws = np.arange(len(paths))
    links = [[row[path] for path in group if path in row] for group in groups]
    for rows in connected(len(paths), filter(None, links)):
        draws[rows] = rows[0]
    return np.unique(draws, return_inverse=True)[1]
