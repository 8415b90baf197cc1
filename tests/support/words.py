"""Probabilities at which what is said of a prediction changes, for every language that says it."""

import re

import numpy as np

from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Prediction


def cases():
    """Returns (threshold, probabilities of a prediction), each a float32 number."""
    edges = [
        (1.0, [1, 0, 0, 0]), (0.0, [1, 0, 0, 0]), (0.5, [0.996, 0.004, 0, 0]),
        (1.0, [0.996, 0.004, 0, 0]), (0.9, [0.8125, 0.125, 0.0625, 0]), (0.8125, [0, 0.8125, 0, 0]),
        (0.9, [0.5, 0.25, 0.25, 0]), (0.9, [0.5, 0.125, 0.25, 0.125]), (0.9, [0.5, 0.2, 0.2, 0.1]),
        (0.9, [0.51, 0.24, 0.24, 0.01]), (0.9, [0.45, 0.4, 0.1, 0.05]), (0.9, [0.25] * 4),
        (0.9, [0.125, 0.375, 0.125, 0.375]), (0.2, [0.25] * 4), (0.9, [0.375, 0.125, 0.125, 0.125]),
    ]  # fmt: skip
    drawn = np.random.default_rng(0).dirichlet([0.5] * 4, 100)
    edges += [(0.7, row) for row in drawn]
    return [(threshold, np.float32(row).tolist()) for threshold, row in edges]


def predict(threshold, row):
    names = tuple(f"class{index}" for index in range(len(row)))
    return Prediction.from_row(np.array(row), ModelMetadata(names, 1, "pad", threshold=threshold))


def without_shares(text):
    """Returns what is said without probabilities: a screen reader speaks each change."""
    return re.sub(r", [<>]?\d+%", "", text)
