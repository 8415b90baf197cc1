import numpy as np
import pytest

from tools import risk_control
from trash_keras.metrics import cross_validation
from trash_keras.metrics.predictions import Predictions


def predictions(prefix, count, seed):
    """Calibrated predictions of two classes: a confidence is its probability of being right."""
    generator = np.random.default_rng(seed)
    confidence = 1 - 0.5 * generator.random(count) ** 3
    labels = (generator.random(count) > confidence).astype(int)
    shares = np.stack([confidence, 1 - confidence], axis=1)
    return Predictions(("a", "b"), [f"{prefix}{n}" for n in range(count)], labels, shares)


def save_run(folder, name, seed):
    test = predictions(name, 400, seed)
    test.save(folder / "predictions" / "test.csv")
    predictions("valid", 400, seed + 10).save(folder / "predictions" / "valid.csv")
    return test


def test_a_guarantee_costs_coverage_and_more_images_cost_less(tmp_path):
    folds = [save_run(tmp_path / f"seed0/fold{n}", f"fold{n}-", n) for n in range(5)]
    pool = cross_validation.aggregate(folds)
    pool.save(cross_validation.predictions_file(tmp_path, 0))
    point, own, others = risk_control.measure(tmp_path, 0.1, 0.9)
    assert [row["guaranteed"] for row in (point, own, others)] == [0, 5, 5]
    assert point["coverage"] > others["coverage"] > own["coverage"]
    assert own["error"] < others["error"] < 0.1


def test_a_run_has_no_other_folds(tmp_path):
    save_run(tmp_path, "test", 0)
    rows = risk_control.measure(tmp_path, 0.1, 0.9)
    assert [row["chosen"] for row in rows] == [1, 1]
    with pytest.raises(ValueError, match="No usable predictions at"):
        risk_control.measure(tmp_path / "elsewhere", 0.1, 0.9)
