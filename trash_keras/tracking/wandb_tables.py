"""Answers of a split -> what W&B shows of them: pictures, matrix, bars, reliability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import wandb
from PIL import Image

from trash_keras.data import decoding
from trash_keras.evaluation.predictions import Predictions

ROWS_SHOWN = 1000  # some 5 kB each
PICTURE_SIDE = 160  # pixels, the longer side
BINS = 15


def shown(answers: Predictions) -> list[int]:
    """Returns which pictures the table shows: `ROWS_SHOWN` at most, most misleading first.

    Args:
        answers: Of one split.

    Returns:
        Positions in `answers`, by falling loss.
    """
    of_truth = answers.probabilities[np.arange(len(answers.labels)), answers.labels]
    return [int(index) for index in np.argsort(of_truth, kind="stable")[:ROWS_SHOWN]]


def entries(split: str, answers: Predictions, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """Returns what `run.log` takes for a split, by names that begin with it.

    Args:
        split: Name of the split.
        answers: Of this split.
        pictures: File -> encoded bytes, for those of `shown`.

    Returns:
        `accuracy`, `loss`, `macro_f1`, `calibration_error`; the tables `pictures` (picture,
        truth, prediction, a probability for each class), `per_class` and `reliability`;
        the charts `confusion_matrix`, `precision`, `recall`, `f1` and `reliability_diagram`.
    """
    scores, names = answers.score(), list(answers.class_names)
    reliability = _reliability(answers.labels, answers.probabilities)
    per_class = wandb.Table(
        columns=["class", "precision", "recall", "f1", "support"],
        data=[[name, *row.values()] for name, row in scores["per_class"].items()],
    )
    found = {name: scores[name] for name in ("accuracy", "loss", "macro_f1")}
    found |= {
        "calibration_error": reliability["error"],
        "pictures": _pictures(answers, pictures),
        "per_class": per_class,
        "confusion_matrix": wandb.plot.confusion_matrix(
            y_true=answers.labels.tolist(),
            preds=answers.probabilities.argmax(axis=1).tolist(),
            class_names=names,
            title=f"Confusion matrix, {split} split",
        ),
        **_reliability_charts(split, reliability),
    }
    for score in ("precision", "recall", "f1"):
        found[score] = wandb.plot.bar(per_class, "class", score, title=f"{score}, {split} split")
    return {f"{split}/{name}": value for name, value in found.items()}


def _pictures(answers: Predictions, pictures: Mapping[str, bytes]) -> wandb.Table:
    names = list(answers.class_names)
    columns = ["file", "picture", "truth", "prediction", "right"]
    table = wandb.Table(columns=[*columns, *(f"p({name})" for name in names)])
    for index in shown(answers):
        path, row = answers.paths[index], answers.probabilities[index]
        truth, guess = int(answers.labels[index]), int(row.argmax())
        picture = _thumbnail(pictures.get(path, b""))
        table.add_data(path, picture, names[truth], names[guess], truth == guess, *map(float, row))
    return table


def _thumbnail(encoded: bytes) -> wandb.Image | None:
    try:
        small = Image.fromarray(decoding.decode(encoded))
    except decoding.UndecodableError:
        return None
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    return wandb.Image(small, file_type="jpg")


def _reliability_charts(split: str, reliability: Mapping[str, Any]) -> dict[str, Any]:
    columns = ["confidence", "accuracy", "pictures"]
    rows = list(zip(*(reliability[column] for column in columns), strict=True))
    return {
        "reliability": wandb.Table(columns=columns, data=[list(row) for row in rows]),
        "reliability_diagram": wandb.plot.line_series(
            xs=reliability["confidence"],
            ys=[reliability["accuracy"], reliability["confidence"]],
            keys=["accuracy", "perfect"],
            title=f"Reliability, {split} split",
            xname="confidence",
        ),
    }


def _reliability(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Returns confidence, accuracy and number of pictures of each bin that has some.

    Bins of equal width over the confidence, and the expected calibration error: Guo et al.,
    2017, "On Calibration of Modern Neural Networks".
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    filled = [bins == index for index in np.unique(bins)]
    means = np.array([[confidence[members].mean(), right[members].mean()] for members in filled])
    counts = np.array([members.sum() for members in filled])
    return {
        "confidence": means[:, 0].tolist(),
        "accuracy": means[:, 1].tolist(),
        "pictures": counts.tolist(),
        "error": float(np.average(np.abs(means[:, 0] - means[:, 1]), weights=counts)),
    }
