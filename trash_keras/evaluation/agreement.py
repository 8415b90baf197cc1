"""Two models' answers for the same pictures: how often and how far they differ.

So an export is held against the Keras model it was made from. Everything here is NumPy alone.
"""

from typing import Any

import numpy as np

from trash_keras.contract import UNSURE, is_unsure
from trash_keras.evaluation import calibration
from trash_keras.evaluation.predictions import Predictions

WORST_KEPT = 12
# Of a probability: what differs less, and is answered alike, is nothing to look at.
VISIBLE = 0.01


def compare(
    expected: Predictions,
    answered: Predictions,
    threshold: float,
    other_threshold: float | None = None,
) -> dict[str, Any]:
    """Compares the answers of a model with those of the model it was made from.

    Args:
        expected: Of the original.
        answered: Of the other one, for the same pictures in the same order.
        threshold: As `Contract` has it: an answer is `unsure` up to this probability.
        other_threshold: That of the other model; None for the same.

    Returns:
        `agreement`, the share of pictures with the same most probable class; `answer_agreement`,
        the share with the same answer, where `unsure` is one; `max_difference` and
        `mean_difference` of a probability; and the `worst` pictures. Of those each has `file`,
        `truth`, `difference` (the largest of a probability), and `expected` and `answered` with
        `label` (a class or `unsure`), `class` and `probability`. First come other classes, then
        other answers, then the largest differences; pictures that don't differ visibly are left
        out.

    Raises:
        ValueError: The answers are not for the same pictures and classes, or no probabilities.
    """
    if list(expected.paths) != list(answered.paths):
        raise ValueError("Answers for other pictures, or in another order, cannot be compared.")
    if list(expected.class_names) != list(answered.class_names):
        raise ValueError(
            f"The class names differ: {', '.join(expected.class_names)} were expected. "
            f"Received: {', '.join(answered.class_names)}"
        )
    for answers in (expected, answered):
        calibration.judged(answers.labels, answers.probabilities)  # no NaN, for one
    if other_threshold is None:
        other_threshold = threshold
    apart = np.abs(answered.probabilities - expected.probabilities)
    other_class = classes(expected) != classes(answered)
    other_answer = other_class | (
        is_sure(expected, threshold) != is_sure(answered, other_threshold)
    )
    furthest = apart.max(axis=1)
    order = np.lexsort((-furthest, ~other_answer, ~other_class))
    shown = [row for row in order if other_answer[row] or furthest[row] >= VISIBLE]
    return {
        "agreement": float(1 - other_class.mean()),
        "answer_agreement": float(1 - other_answer.mean()),
        "max_difference": float(furthest.max()),
        "mean_difference": float(apart.mean()),
        "worst": [
            {
                "file": expected.paths[row],
                "truth": expected.class_names[expected.labels[row]],
                "difference": float(furthest[row]),
                "expected": _told(expected, row, threshold),
                "answered": _told(answered, row, other_threshold),
            }
            for row in shown[:WORST_KEPT]
        ],
    }


def classes(answers: Predictions) -> np.ndarray:
    """Returns the most probable class of each picture, int [N]."""
    return answers.probabilities.argmax(axis=1)


def is_sure(answers: Predictions, threshold: float) -> np.ndarray:
    """Returns whether each picture gets a class for an answer and not `unsure`, bool [N]."""
    return ~is_unsure(answers.probabilities.max(axis=1), threshold)


def _told(answers: Predictions, row: int, threshold: float) -> dict[str, Any]:
    name = answers.class_names[classes(answers)[row]]
    sure = is_sure(answers, threshold)[row]
    return {
        "label": name if sure else UNSURE,
        "class": name,
        "probability": float(answers.probabilities[row].max()),
    }
