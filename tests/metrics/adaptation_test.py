"""A model before and after it was adapted, by hand."""

import numpy as np

from trash_keras.metrics import adaptation
from trash_keras.metrics.intervals import bootstrap_interval, wilson_interval
from trash_keras.metrics.selective import abstention

LABELS = np.array([0, 0, 1, 1])
# Right: the first and the last; then all but the last. Above 0.6: three images, above 0.7 two.
BEFORE = np.array([[0.9, 0.1], [0.3, 0.7], [0.55, 0.45], [0.2, 0.8]])
AFTER = np.array([[0.6, 0.4], [0.7, 0.3], [0.1, 0.9], [0.75, 0.25]])


def test_what_it_gained_image_by_image():
    found = adaptation.compare(LABELS, BEFORE, AFTER, (0.6, 0.7))
    assert found == {
        "examples": 4,
        "before": {"accuracy": 0.5, "accuracy_interval": wilson_interval(2, 4),
                   **abstention(examples=4, predicted=3, wrong=1)},
        "after": {"accuracy": 0.75, "accuracy_interval": wilson_interval(3, 4),
                  **abstention(examples=4, predicted=2, wrong=1)},
        "gain": 0.25,
        "gain_interval": bootstrap_interval(np.array([0.0, 1.0, 1.0, -1.0])),
    }  # fmt: skip


def test_on_how_many_images_of_no_class_each_predicts_one():
    found = adaptation.compare_answered(BEFORE, AFTER[:2], (0.6, 0.65))
    assert found == {
        "examples": 2,
        "before": 0.75, "before_interval": wilson_interval(3, 4),
        "after": 0.5, "after_interval": wilson_interval(1, 2),
    }  # fmt: skip
