"""Predictions of a split -> what W&B shows of them: images, matrix, bars, reliability."""

from typing import Any

import numpy as np
import wandb

from trash_keras.data.decoding import ReadImages
from trash_keras.metrics import calibration, classification
from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import html
from trash_keras.reporting.plots import saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.storage.names import printable

ROWS_SHOWN = 1000  # some 5 kB each
IMAGE_SIDE = 160  # pixels, the longer side


def entries(
    split: str,
    predictions: Predictions,
    read_images: ReadImages,
    explained: HeatMaps | None = None,
) -> dict[str, Any]:
    """Returns what `run.log` takes for a split, by names that begin with it.

    Args:
        split: Name of the split.
        predictions: Of this split.
        read_images: Files -> their encoded bytes; a file that it leaves out has no image.
        explained: Heat maps of errors; errors that are shown get theirs beside them.

    Returns:
        `accuracy`, `loss`, `macro_f1`, `calibration_error`; the tables `images` (image, truth,
        prediction, a probability for each class; `ROWS_SHOWN` at most, by falling loss),
        `per_class` and `reliability`; the charts `confusion_matrix`, `precision`, `recall`, `f1`
        and `reliability_diagram`. Of more than `MATRIX_CLASSES` classes the table `most_confused`
        takes the place of the matrix, and images have the probabilities of truth and prediction.
    """
    scores = predictions.score()
    per_class = wandb.Table(
        columns=["class", "precision", "recall", "f1", "support"],
        data=[[name, *row.values()] for name, row in scores["per_class"].items()],
    )
    found = {name: scores[name] for name in ("accuracy", "loss", "macro_f1")}
    found |= {
        "calibration_error": scores["ece"],
        "images": _image_table(predictions, read_images, explained),
        "per_class": per_class,
        **_confusions(split, predictions, scores["confusion_matrix"]),
        **_reliability(split, predictions),
    }
    for score in ("precision", "recall", "f1"):
        found[score] = wandb.plot.bar(per_class, "class", score, title=f"{score}, {split} split")
    return {f"{split}/{name}": value for name, value in found.items()}


def _confusions(split: str, predictions: Predictions, matrix: list[list[int]]) -> dict[str, Any]:
    """Returns the matrix, or the most confused pairs where it would be too large to be read."""
    names = list(predictions.class_names)
    if len(names) > MATRIX_CLASSES:
        pairs = classification.most_confused(matrix, ROWS_SHOWN)
        data = [[names[truth], names[guess], count] for truth, guess, count in pairs]
        return {"most_confused": wandb.Table(["truth", "prediction", "images"], data)}
    return {
        "confusion_matrix": wandb.plot.confusion_matrix(
            y_true=predictions.labels.tolist(),
            preds=predictions.probabilities.argmax(axis=1).tolist(),
            class_names=names,
            title=f"Confusion matrix, {split} split",
        )
    }


def _image_table(
    predictions: Predictions, read_images: ReadImages, explained: HeatMaps | None
) -> wandb.Table:
    names, maps = predictions.class_names, explained.maps if explained else {}
    of_truth = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    shown = np.argsort(of_truth, kind="stable")[:ROWS_SHOWN].tolist()
    images = read_images([predictions.paths[index] for index in shown])
    each = len(names) <= MATRIX_CLASSES
    shares = [f"p({name})" for name in names] if each else ["p(truth)", "p(prediction)"]
    columns = ["file", "image", "truth", "prediction", "right", *shares]
    with_maps = any(path in maps for path in predictions.paths)
    table = wandb.Table(columns=[*columns, "heat map"] if with_maps else columns)
    for index in shown:
        path, row = predictions.paths[index], predictions.probabilities[index]
        truth, guess = int(predictions.labels[index]), int(row.argmax())
        small = html.shrink(images.get(path, b""), IMAGE_SIDE)
        overlay = None
        if explained and path in maps and small is not None:
            overlay = saliency_maps.overlay(small, maps[path], explained.resize)
        listed = row if each else row[[truth, guess]]
        cells = [
            printable(path),
            _image(small),
            names[truth],
            names[guess],
            truth == guess,
            *listed.tolist(),
        ]
        table.add_data(*cells, *([_image(overlay)] if with_maps else []))
    return table


def _image(pixels: np.ndarray | None) -> wandb.Image | None:
    return None if pixels is None else wandb.Image(pixels, file_type="jpg")


def _reliability(split: str, predictions: Predictions) -> dict[str, Any]:
    found = calibration.reliability(predictions.labels, predictions.probabilities)
    bins = np.stack([found.confidence, found.accuracy, found.count])[:, found.count > 0]
    confidence, accuracy, _ = bins.tolist()
    return {
        "reliability": wandb.Table(["confidence", "accuracy", "images"], bins.T.tolist()),
        "reliability_diagram": wandb.plot.line_series(
            xs=confidence,
            ys=[accuracy, confidence],
            keys=["accuracy", "perfect"],
            title=f"Reliability, {split} split",
            xname="confidence",
        ),
    }
