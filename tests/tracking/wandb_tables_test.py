import io

import numpy as np
import pytest
from PIL import Image

from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.tracking import wandb_tables


def test_the_table_shows_the_most_misleading_images_first(monkeypatch):
    monkeypatch.setattr(wandb_tables, "ROWS_SHOWN", 2)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.99, 0.01]])
    predictions = Predictions(("a", "b"), list("wxyz"), np.array([0, 0, 1, 1]), probabilities)
    read = []
    found = wandb_tables.entries("test", predictions, lambda paths: read.extend(paths) or {})
    assert read == [row[0] for row in found["test/images"].data] == ["z", "x"]


def test_reliability_of_a_worked_example():
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.55, 0.45], [0.0, 1.0]])
    predictions = Predictions(("a", "b"), list("wxyz"), np.array([0, 1, 0, 1]), probabilities)
    found = wandb_tables.entries("test", predictions, lambda paths: {})
    # Bins 8 (0.55) and 14 (0.95, 0.97, 1.0) of 15.
    mean = (0.95 + 0.97 + 1.0) / 3
    low, high = found["test/reliability"].data
    assert low == pytest.approx([0.55, 1.0, 1]) and high == pytest.approx([mean, 2 / 3, 3])
    expected = 0.25 * 0.45 + 0.75 * abs(mean - 2 / 3)
    assert found["test/calibration_error"] == pytest.approx(expected)


def test_an_error_has_its_heat_map_beside_it():
    image = io.BytesIO()
    Image.new("RGB", (12, 8), "orange").save(image, "PNG")
    predictions = Predictions(("a", "b"), ["w", "x"], np.array([1, 0]), np.array([[0.9, 0.1]] * 2))
    explained = HeatMaps("stretch", {"w": np.eye(2)})

    def read(paths):
        return dict.fromkeys(paths, image.getvalue())

    table = wandb_tables.entries("test", predictions, read, explained)["test/images"]
    assert table.columns[-1] == "heat map"
    (wrong, right) = table.data
    assert wrong[0] == "w" and wrong[-1].image.size == (12, 8) == wrong[1].image.size
    assert right[0] == "x" and right[-1] is None
    other = wandb_tables.entries("valid", predictions, read, HeatMaps("stretch", {}))
    assert "heat map" not in other["valid/images"].columns
