"""Predictions with a known confusion matrix, and the reports made of them."""

import numpy as np
import pytest

from trash_keras.metrics import ood, saliency
from trash_keras.metrics.predictions import Predictions


def predictions(class_names, matrix):
    """One image for each count of the matrix, named TRUTH/TRUTH-PREDICTION-NUMBER.jpg.

    Within a cell the first image is the most confident; confidence falls from 0.95 to 0.6.
    """
    size, paths, labels, rows = len(class_names), [], [], []
    for truth, prediction in np.ndindex(size, size):
        count = matrix[truth][prediction]
        for number, confidence in enumerate(np.linspace(0.95, 0.6, count)):
            row = np.full(size, (1 - confidence) / max(size - 1, 1))
            row[prediction] = confidence if size > 1 else 1
            rows.append(row)
            labels.append(truth)
            name = f"{class_names[truth]}-{class_names[prediction]}-{number:02}"
            paths.append(f"{class_names[truth]}/{name}.jpg")
    return Predictions(tuple(class_names), paths, np.array(labels, np.int32), np.array(rows))


@pytest.fixture(scope="session")
def predicted():
    """`predictions`, for tests."""
    return predictions


@pytest.fixture(scope="session")
def scored():
    """Scores of a split: `correct` + `wrong` images of the first class, 50 right of each other."""

    def make(class_names, correct=45, wrong=5, **changes):
        matrix = np.eye(len(class_names), dtype=int) * 50
        matrix[0, :2] = correct, wrong
        return predictions(class_names, matrix).score() | changes

    return make


@pytest.fixture(scope="session")
def explanations():
    """What `saliency.measure` returns for a model that always predicts 0.5."""
    return saliency.measure(
        lambda batch: np.full((len(batch), 2), 0.5),
        np.zeros((2, 8, 8, 3), np.uint8), np.ones((2, 2, 2)), np.zeros(2, int),
    )  # fmt: skip


@pytest.fixture(scope="session")
def ood_report():
    """What `evaluation.ood.measure` returns where 3 of 4 OOD images are unsure, with all scores."""
    confidence = {"scored": np.linspace(0.6, 0.9, 40), "ood": np.array([0.3, 0.4, 0.5, 0.7])}
    scores = {
        part: {name: values if name != "novelty" else values - 1 for name in ood.SCORES}
        for part, values in confidence.items()
    }
    found = ood.compare(scores["scored"], scores["ood"], threshold=0.55, limit=0.35)
    origins = [("near", "wood"), ("near", "wood"), ("near", "textiles"), ("far", "")]
    found["folders"] = ood.by_folder(scores["scored"], scores["ood"], origins, 0.55)
    return {"unreadable": 1, "neighbours": 10, **found}
