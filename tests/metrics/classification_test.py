import numpy as np
import pytest

from trash_keras.metrics import classification

LABELS = np.array([0, 0, 0, 1, 1])
PREDICTIONS = np.array(
    [[0.9, 0.1, 0], [0.6, 0.4, 0], [0.3, 0.7, 0], [0.2, 0.8, 0], [0.95, 0.05, 0]]
)


def test_figures_by_hand():
    scores = classification.classification_report(
        LABELS, PREDICTIONS, ["a", "b", "c"], list("vwxyz")
    )
    assert scores["accuracy"] == 0.6 and scores["examples"] == 5
    assert scores["confusion_matrix"] == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert scores["per_class"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )
    assert scores["per_class"]["c"]["support"] == 0
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["loss"] == pytest.approx(-np.log([0.9, 0.6, 0.3, 0.8, 0.05]).mean())
    # Wilson's interval for 3 of 5, as in his formula with z = 1.959964.
    assert scores["accuracy_interval"] == pytest.approx([0.2307, 0.8824], abs=1e-4)
    # Confidences 0.9 0.6 0.7 0.8 0.95, of which the last and the 0.7 are wrong; a bin each.
    assert scores["ece"] == pytest.approx((0.1 + 0.4 + 0.7 + 0.2 + 0.95) / 5)
    assert scores["brier"] == pytest.approx(2 * (0.01 + 0.16 + 0.49 + 0.04 + 0.9025) / 5)
    assert scores["aurc"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 2 / 4 + 2 / 5) / 5)
    assert scores["coverage_at_2_percent_error"] == 0
    assert [row["file"] for row in scores["mistakes"]] == ["z", "x"]
    assert scores["mistakes"][0] == {"file": "z", "truth": "b", "prediction": "a",
                                     "probability": 0.95}  # fmt: skip


def test_a_certain_error_keeps_the_loss_finite():
    assert classification.cross_entropy(np.array([1]), np.array([[1.0, 0.0]])) < 20


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(5, 2\)"):
        classification.classification_report(LABELS, PREDICTIONS, ["a", "b"])
