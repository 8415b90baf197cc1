"""Answers of a split -> what W&B shows of them: pictures, matrix, bars, reliability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import wandb

from trash_keras.evaluation import calibration, heat_maps, html
from trash_keras.evaluation.heat_maps import HeatMaps
from trash_keras.evaluation.predictions import Predictions

ROWS_SHOWN = 1000  # some 5 kB each
PICTURE_SIDE = 160  # pixels, the longer side


def shown(answers: Predictions) -> list[int]:
    """Returns which pictures the table shows: `ROWS_SHOWN` at most, most misleading first.

    Args:
        answers: Of one split.

    Returns:
        Positions in `answers`, by falling loss.
    """
    of_truth = answers.probabilities[np.arange(len(answers.labels)), answers.labels]
    return [int(index) for index in np.argsort(of_truth, kind="stable")[:ROWS_SHOWN]]


def entries(
    split: str,
    answers: Predictions,
    pictures: Mapping[str, bytes],
    explained: HeatMaps | None = None,
) -> dict[str, Any]:
    """Returns what `run.log` takes for a split, by names that begin with it.

    Args:
        split: Name of the split.
        answers: Of this split.
        pictures: File -> encoded bytes, for those of `shown`.
        explained: Heat maps of mistakes; those of `shown` get one beside them.

    Returns:
        `accuracy`, `loss`, `macro_f1`, `calibration_error`; the tables `pictures` (picture,
        truth, prediction, a probability for each class), `per_class` and `reliability`;
        the charts `confusion_matrix`, `precision`, `recall`, `f1` and `reliability_diagram`.
    """
    scores, names = answers.score(), list(answers.class_names)
    per_class = wandb.Table(
        columns=["class", "precision", "recall", "f1", "support"],
        data=[[name, *row.values()] for name, row in scores["per_class"].items()],
    )
    found = {name: scores[name] for name in ("accuracy", "loss", "macro_f1")}
    found |= {
        "calibration_error": scores["ece"],
        "pictures": _pictures(answers, pictures, explained),
        "per_class": per_class,
        "confusion_matrix": wandb.plot.confusion_matrix(
            y_true=answers.labels.tolist(),
            preds=answers.probabilities.argmax(axis=1).tolist(),
            class_names=names,
            title=f"Confusion matrix, {split} split",
        ),
        **_reliability_charts(split, answers),
    }
    for score in ("precision", "recall", "f1"):
        found[score] = wandb.plot.bar(per_class, "class", score, title=f"{score}, {split} split")
    return {f"{split}/{name}": value for name, value in found.items()}


def _pictures(
    answers: Predictions, pictures: Mapping[str, bytes], explained: HeatMaps | None
) -> wandb.Table:
    names, maps = list(answers.class_names), explained.maps if explained else {}
    columns = ["file", "picture", "truth", "prediction", "right"]
    columns += [f"p({name})" for name in names]
    lit = any(path in maps for path in answers.paths)
    table = wandb.Table(columns=[*columns, "heat map"] if lit else columns)
    for index in shown(answers):
        path, row = answers.paths[index], answers.probabilities[index]
        truth, guess = int(answers.labels[index]), int(row.argmax())
        small = html.shrink(pictures.get(path, b""), PICTURE_SIDE)
        overlay = None
        if explained and path in maps and small is not None:
            overlay = heat_maps.overlay(small, maps[path], explained.resize)
        cells = [path, _image(small), names[truth], names[guess], truth == guess, *map(float, row)]
        table.add_data(*cells, *([_image(overlay)] if lit else []))
    return table


def _image(pixels: np.ndarray | None) -> wandb.Image | None:
    return None if pixels is None else wandb.Image(pixels, file_type="jpg")


def _reliability_charts(split: str, answers: Predictions) -> dict[str, Any]:
    found = calibration.reliability(answers.labels, answers.probabilities)
    filled = found.count > 0
    confidence, accuracy = found.confidence[filled].tolist(), found.accuracy[filled].tolist()
    rows = zip(confidence, accuracy, found.count[filled].tolist(), strict=True)
    return {
        "reliability": wandb.Table(["confidence", "accuracy", "pictures"], list(map(list, rows))),
        "reliability_diagram": wandb.plot.line_series(
            xs=confidence,
            ys=[accuracy, confidence],
            keys=["accuracy", "perfect"],
            title=f"Reliability, {split} split",
            xname="confidence",
        ),
    }
