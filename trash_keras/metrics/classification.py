"""Classification metrics: labels and probabilities -> the figures of a split."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from trash_keras.metrics import calibration
from trash_keras.metrics.intervals import wilson_interval

TOP_ERRORS = 24
# A matrix of more classes cannot be read: its most frequent confusions are shown instead.
MATRIX_CLASSES = 25
TARGET_RISK = 0.02  # of `coverage_at_2_percent_error`


def classification_report(
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    paths: Sequence[str] = (),
) -> dict[str, Any]:
    """Scores one split.

    Args:
        labels: int [N], indices into `class_names`.
        probabilities: float [N, classes]; rows sum to 1.
        class_names: Class names in label order.
        paths: File of each image, for the list of errors; empty leaves the list out.

    Returns:
        `accuracy`, its Wilson 95% `accuracy_interval`, `loss` (mean cross-entropy, nats),
        `macro_f1` over the classes that occur, `per_class` (precision, recall, f1,
        support), `confusion_matrix` (rows true, columns predicted), `examples`, `ece` (15 bins),
        `brier` (0 to 2), `aurc`, `augrc`, `coverage_at_2_percent_error` (see `calibration`), and
        `mistakes`, the most confident errors first. Every image counts as classified; what a
        threshold changes is in `selective.selective_report`.

    Raises:
        ValueError: Shapes do not fit, or there are no images.
    """
    if probabilities.shape != (len(labels), len(class_names)) or not len(labels):
        raise ValueError(
            f"Expected probabilities of shape ({len(labels)}, {len(class_names)}) for at least "
            f"one image. Received: {probabilities.shape}"
        )
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    result = {
        **accuracy_and_loss(labels, probabilities),
        "accuracy_interval": wilson_interval(correct, len(labels)),
        **_by_class(labels, predicted, class_names),
        "examples": len(labels),
        "ece": calibration.expected_calibration_error(labels, probabilities),
        "brier": calibration.brier_score(labels, probabilities),
        "aurc": calibration.aurc(labels, probabilities),
        "augrc": calibration.augrc(labels, probabilities),
        "coverage_at_2_percent_error": calibration.coverage_at_error(
            labels, probabilities, TARGET_RISK
        ),
    }
    if paths:
        result["mistakes"] = top_errors(labels, probabilities, class_names, paths)
    return result


def most_confused(matrix: Any, most: int) -> list[tuple[int, int, int]]:
    """Returns the largest cells beside the diagonal: true class, prediction, images.

    Args:
        matrix: Confusion matrix, int [classes, classes], an array or lists.
        most: Largest number of cells to return; the largest come first, equal ones row by row.
    """
    counts = np.array(matrix, np.int64)
    np.fill_diagonal(counts, 0)
    rows, columns = np.nonzero(counts)
    found = counts[rows, columns]
    order = np.argsort(-found, kind="stable")[:most]
    return [(int(rows[at]), int(columns[at]), int(found[at])) for at in order]


def weakest(
    per_class: Mapping[str, Mapping[str, Any]], most: int = MATRIX_CLASSES
) -> Mapping[str, Mapping[str, Any]]:
    """Returns `per_class` of a report; of more than `most` classes those of the lowest F1 score.

    Args:
        per_class: Class name -> its figures; classes without an image are left out first.
        most: Largest number of classes to return.
    """
    if len(per_class) <= most:
        return per_class
    occurring = [item for item in per_class.items() if item[1]["support"]]
    return dict(sorted(occurring, key=lambda item: item[1]["f1"])[:most])


def accuracy_and_loss(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Returns `accuracy` and `loss` of `classification_report`, which training watches.

    Args:
        labels: int [N].
        probabilities: float [N, classes].
    """
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return {"accuracy": accuracy, "loss": cross_entropy(labels, probabilities)}


def summary(split: str, scores: Mapping[str, Any]) -> str:
    """Returns one line for a person: accuracy with its interval, macro-F1, images."""
    low, high = scores["accuracy_interval"]
    return (
        f"{split}: accuracy {scores['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%}), "
        f"macro-F1 {scores['macro_f1']:.3f}, {scores['examples']} images"
    )


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the mean negative log probability of the true class, nats.

    Args:
        labels: int [N].
        probabilities: float [N, classes].
    """
    true_class = probabilities[np.arange(len(labels)), labels]
    # The bound of Keras' own loss: a wrong prediction of probability 1 must not make it infinite.
    return float(-np.log(np.maximum(true_class, 1e-7)).mean())


def _by_class(
    labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    indices = np.arange(len(class_names))
    columns = precision_recall_fscore_support(labels, predicted, labels=indices, zero_division=0)
    names = ("precision", "recall", "f1", "support")
    per_class = {
        class_name: {
            name: (int if name == "support" else float)(column[index])
            for name, column in zip(names, columns, strict=True)
        }
        for index, class_name in enumerate(class_names)
    }
    occurring = [row["f1"] for row in per_class.values() if row["support"]]
    return {
        "macro_f1": float(np.mean(occurring)),
        "per_class": per_class,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=indices).tolist(),
    }


def top_errors(
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    paths: Sequence[str],
    most: int = TOP_ERRORS,
) -> list[dict[str, Any]]:
    """Returns the wrong predictions, the most confident first.

    Args:
        labels: int [N], indices into `class_names`.
        probabilities: float [N, classes]; rows sum to 1.
        class_names: Class names in label order.
        paths: File of each image.
        most: Largest number to return.

    Returns:
        For each `file`, `truth` and `prediction` (class names), and its `probability`, 0 to 1.
    """
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    order = [int(index) for index in wrong]
    return [
        {
            "file": paths[index],
            "truth": class_names[labels[index]],
            "prediction": class_names[predicted[index]],
            "probability": float(confidence[index]),
        }
        for index in order
    ]
