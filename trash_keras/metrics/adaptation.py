"""What adapting a model to a new place gained there, and what it lost at home."""

from typing import Any

import numpy as np

from trash_keras.metadata import is_unsure
from trash_keras.metrics.intervals import bootstrap_interval, wilson_interval
from trash_keras.metrics.selective import abstention


def compare(labels: np.ndarray, before: np.ndarray, after: np.ndarray,
            thresholds: tuple[float, float]) -> dict[str, Any]:  # fmt: skip
    """Compares two models image by image.

    Args:
        labels: int [N], true classes.
        before: float [N, classes], probabilities of the first model.
        after: float [N, classes], those of the second.
        thresholds: Of both, see `is_unsure`.

    Returns:
        `examples`; `before` and `after` with `accuracy`, its `accuracy_interval`, the share that
        gets a prediction (`coverage`) and the share of these that is wrong (`error`, None without
        any); `gain`, the difference of the accuracies, and its 95% `gain_interval`, of a bootstrap
        over images.
    """
    right = [found.argmax(axis=1) == labels for found in (before, after)]
    both = zip(right, (before, after), thresholds, strict=True)
    scores = [_scores(correct, found.max(axis=1), limit) for correct, found, limit in both]
    difference = right[1].astype(float) - right[0]
    return {
        "examples": len(labels),
        "before": scores[0],
        "after": scores[1],
        "gain": float(difference.mean()),
        "gain_interval": bootstrap_interval(difference),
    }


def compare_answered(
    before: np.ndarray, after: np.ndarray, thresholds: tuple[float, float]
) -> dict[str, Any]:
    """Compares on how many images of none of the classes two models predict one all the same.

    Args:
        before: float [N, classes], probabilities of the first model.
        after: float [N, classes], those of the second.
        thresholds: Of both, see `is_unsure`.

    Returns:
        `examples`; `before` and `after`, shares; and the 95% intervals of these, of Wilson,
        `before_interval` and `after_interval`.
    """
    found: dict[str, Any] = {"examples": len(after)}
    for name, probabilities, limit in zip(
        ("before", "after"), (before, after), thresholds, strict=True
    ):
        given = ~is_unsure(probabilities.max(axis=1), limit)
        found[name] = float(given.mean())
        found[f"{name}_interval"] = wilson_interval(int(given.sum()), len(given))
    return found


def _scores(right: np.ndarray, confidence: np.ndarray, threshold: float) -> dict[str, Any]:
    given = ~is_unsure(confidence, threshold)
    return {
        "accuracy": float(right.mean()),
        "accuracy_interval": wilson_interval(int(right.sum()), len(right)),
        **abstention(len(right), int(given.sum()), int((given & ~right).sum())),
    }
