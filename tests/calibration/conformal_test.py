import numpy as np
import pytest

from trash_keras.calibration.conformal import conformal_threshold
from trash_keras.metrics.selective import selective_report

# Confidences 0.9, 0.8, 0.8, 0.6, 0.55; right, right, wrong, right, wrong.
LABELS = np.array([0, 1, 1, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])


@pytest.mark.parametrize(("alpha", "place"), [(0.5, 3), (0.34, 2), (1 / 6, 1), (0.16, None)])
def test_the_set_threshold_by_hand(alpha, place):
    """5 images: the floor((5 + 1) alpha)-th smallest probability of a true class."""
    true_class = sorted(PROBABILITIES[np.arange(5), LABELS])  # 0.2 0.45 0.6 0.8 0.9
    expected = 0 if place is None else true_class[place - 1]
    found = conformal_threshold(LABELS, PROBABILITIES, alpha)
    assert found == pytest.approx(expected, rel=1e-4) and found <= expected


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_sets_hold_the_truth_as_often_as_promised(alpha, overconfident):
    covered = []
    for seed in range(60):
        labels, probabilities = overconfident(400, seed=seed)
        lowest = conformal_threshold(labels[:200], probabilities[:200], alpha)
        settings = {"set_threshold": lowest}
        found = selective_report(labels[200:], probabilities[200:], settings)["conformal"]
        covered.append(found["coverage"])
    # Between the promise and 1 / (N + 1) more: Vovk, Gammerman & Shafer, 2005.
    assert np.mean(covered) == pytest.approx(1 - alpha, abs=0.01)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_sets_are_those_of_mapie(alpha, overconfident, ready):
    mapie = pytest.importorskip("mapie.classification", reason="needs mapie: extra dev")
    labels, probabilities = overconfident(700)
    theirs = mapie.SplitConformalClassifier(
        ready, confidence_level=1 - alpha, conformity_score="lac", prefit=True
    )
    theirs.conformalize(probabilities[:300], labels[:300])
    _, sets = theirs.predict_set(probabilities[300:])
    lowest = conformal_threshold(labels[:300], probabilities[:300], alpha)
    np.testing.assert_array_equal(probabilities[300:] >= lowest, sets[:, :, 0])
