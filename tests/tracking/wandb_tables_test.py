import numpy as np
import pytest

from trash_keras.evaluation.predictions import Predictions
from trash_keras.tracking import wandb_tables


def test_the_table_shows_the_most_misleading_pictures_first(monkeypatch):
    monkeypatch.setattr(wandb_tables, "ROWS_SHOWN", 2)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.99, 0.01]])
    answers = Predictions(("a", "b"), list("wxyz"), np.array([0, 0, 1, 1]), probabilities)
    assert wandb_tables.shown(answers) == [3, 1]


def test_reliability_of_a_worked_example():
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.55, 0.45], [0.0, 1.0]])
    answers = Predictions(("a", "b"), list("wxyz"), np.array([0, 1, 0, 1]), probabilities)
    found = wandb_tables.entries("test", answers, {})
    # Bins 8 (0.55) and 14 (0.95, 0.97, 1.0) of 15.
    mean = (0.95 + 0.97 + 1.0) / 3
    low, high = found["test/reliability"].data
    assert low == pytest.approx([0.55, 1.0, 1]) and high == pytest.approx([mean, 2 / 3, 3])
    expected = 0.25 * 0.45 + 0.75 * abs(mean - 2 / 3)
    assert found["test/calibration_error"] == pytest.approx(expected)
