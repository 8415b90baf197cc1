"""How a classifier should answer, from its answers on validation pictures; NumPy and SciPy alone.

Three numbers go into the contract of a model file: the temperature that makes its confidence
right on average, the confidence below which it leaves a picture to a person, and the probability
from which a class belongs to the answered set.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from trash_keras.contract import is_unsure
from trash_keras.evaluation import calibration
from trash_keras.evaluation.intervals import wilson_interval

LARGEST_LOG_TEMPERATURE = 3.0  # 0.05 to 20
# Below the probability of a validation picture, by more than another runtime rounds otherwise.
ROUNDING = 1e-5


def fit(
    labels: np.ndarray, probabilities: np.ndarray, max_error: float, conformal_error: float = 0.0
) -> dict[str, float | None]:
    """Fits all three numbers.

    Args:
        labels: int [N], true classes of validation pictures.
        probabilities: float [N, classes], at temperature 1.
        max_error: As for `threshold`.
        conformal_error: As for `set_threshold`; 0 for no sets.

    Returns:
        `temperature`, `threshold` and `set_threshold`, as `Contract` has them.

    Raises:
        ValueError: Shapes or values do not fit, or an error is no share.
    """
    fitted = temperature(labels, probabilities)
    probabilities = tempered(probabilities, fitted)
    return {
        "temperature": fitted,
        "threshold": threshold(labels, probabilities, max_error),
        "set_threshold": (
            set_threshold(labels, probabilities, conformal_error) if conformal_error else None
        ),
    }


def temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the temperature of the least cross-entropy.

    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section
    4.2. Where no answer is wrong, cross-entropy falls all the way to temperature 0, which would
    call the model infallible for want of evidence; it then stays at 1.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    _, right = calibration.judged(labels, probabilities)
    if right.all():
        return 1.0
    logits, rows = _logits(probabilities), np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        answers = log_softmax(logits / math.exp(log_temperature), axis=1)
        return -float(answers[rows, labels].mean())

    bounds = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    found = minimize_scalar(cross_entropy, bounds=bounds, method="bounded")
    return math.exp(float(found.x))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns float64 [N, classes], what the logits of these probabilities give when divided.

    Args:
        probabilities: float [N, classes].
        temperature: Divisor, above 0; 1 / T undoes T.
    """
    return softmax(_logits(probabilities) / temperature, axis=1)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    smallest = np.finfo(np.float32).tiny  # the softmax of float32 underflows to 0
    return np.log(np.maximum(np.asarray(probabilities, np.float64), smallest))


def threshold(labels: np.ndarray, probabilities: np.ndarray, max_error: float) -> float:
    """Returns the lowest confidence to be exceeded for so few wrong answers among those given.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.
        max_error: Largest share of wrong answers among those given, 0 to 1.

    Returns:
        0 where all may be answered, 1 where even the surest are wrong too often; else half-way
        between the last confidence that passes and the next, so that no rounding decides.

    Raises:
        ValueError: Shapes or values do not fit, or `max_error` is no share.
    """
    curve = calibration.risk_coverage(labels, probabilities)
    last = curve.widest(max_error)
    if last is None:
        return 1.0
    below = curve.threshold[last + 1 :]
    return float((curve.threshold[last] + below[0]) / 2) if len(below) else 0.0


def set_threshold(labels: np.ndarray, probabilities: np.ndarray, error: float) -> float:
    """Returns the probability from which classes are in a set that holds the true one often enough.

    Of new pictures from the same source at most a share `error` has its true class outside its
    set: Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error
    Levels", JASA 2019, with the quantile of split conformal prediction for N pictures.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.
        error: Share above 0 and below 1.

    Returns:
        0, and so every class, where N pictures are too few to promise less.

    Raises:
        ValueError: Shapes or values do not fit, or `error` is no such share.
    """
    calibration.judged(labels, probabilities)
    if not 0 < error < 1:
        raise ValueError(f"error is a share above 0 and below 1. Received: {error}")
    of_truth = np.sort(probabilities[np.arange(len(labels)), labels])
    # The k-th largest, k = ceil((N + 1) (1 - error)); the slack is that of a binary share.
    outside = math.floor((len(labels) + 1) * error + 1e-9)
    return float(of_truth[outside - 1]) * (1 - ROUNDING) if outside else 0.0


def scores(
    labels: np.ndarray, probabilities: np.ndarray, answering: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what temperature, threshold and sets do on a split.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], with the temperature.
        answering: From `Contract.answering`; what is missing has the contract's default.

    Returns:
        `ece_uncalibrated` and `brier_uncalibrated`, at temperature 1; `abstention` with the
        `threshold`, the `coverage` (share of pictures that get an answer), and the `error` among
        them with its Wilson 95% `error_interval`, both None where there are none; and, with sets,
        `conformal` with the `threshold`, the `coverage` (share of sets that hold the true class)
        and their `mean_size`.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    before = tempered(probabilities, 1 / answering.get("temperature", 1.0))
    result: dict[str, Any] = {
        "ece_uncalibrated": calibration.expected_calibration_error(labels, before),
        "brier_uncalibrated": calibration.brier_score(labels, before),
        "abstention": _abstention(labels, probabilities, answering.get("threshold", 0.0)),
    }
    if (lowest := answering.get("set_threshold")) is not None:
        sets = probabilities >= lowest
        result["conformal"] = {
            "threshold": lowest,
            "coverage": float(sets[np.arange(len(labels)), labels].mean()),
            "mean_size": float(sets.sum(axis=1).mean()),
        }
    return result


def _abstention(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, Any]:
    confidence, right = calibration.judged(labels, probabilities)
    answered = ~is_unsure(confidence, threshold)
    counts = len(labels), int(answered.sum()), int((answered & ~right).sum())
    return {"threshold": threshold, **abstention(*counts)}


def abstention(examples: int, answered: int, wrong: int) -> dict[str, Any]:
    """Returns `coverage`, `error` and `error_interval`, as `scores` has them.

    Args:
        examples: All pictures, above 0.
        answered: Those that got an answer.
        wrong: Those that got a wrong one.
    """
    return {
        "coverage": answered / examples,
        "error": wrong / answered if answered else None,
        "error_interval": wilson_interval(wrong, answered) if answered else None,
    }
