"""Temperature scaling, a calibration: confidence becomes right on average."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from trash_keras.metrics import calibration

LARGEST_LOG_TEMPERATURE = 3.0  # 0.05 to 20


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the temperature with the smallest cross-entropy, 0.05 to 20.

    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section
    4.2. Where no prediction is wrong, cross-entropy falls all the way to temperature 0, as
    if the model were infallible; it then stays 1.

    Args:
        labels: int [N], true classes of validation images.
        probabilities: float [N, classes], at temperature 1, 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    _, right = calibration.confidence_and_correct(labels, probabilities)
    if right.all():
        return 1.0
    logits, rows = calibration.logits_of(probabilities), np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = log_softmax(logits / math.exp(log_temperature), axis=1)
        return -float(scaled[rows, labels].mean())

    bounds = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    found = minimize_scalar(cross_entropy, bounds=bounds, method="bounded")
    return math.exp(float(found.x))
