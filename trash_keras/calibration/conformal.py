"""Conformal sets: several classes, which contain the true one as often as promised."""

import math

import numpy as np

from trash_keras.metrics import calibration

# A share by which the threshold lies below a validation image, more than runtimes round.
ROUNDING = 1e-5


def conformal_threshold(labels: np.ndarray, probabilities: np.ndarray, alpha: float) -> float:
    """Returns the smallest probability of a class in the conformal set.

    Of new images from the same source at most a share `alpha` has its true class outside its set:
    Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels",
    JASA 2019, with the quantile of split conformal prediction for N images.

    Args:
        labels: int [N], true classes of validation images.
        probabilities: float [N, classes], at the model's temperature, 0 to 1; rows sum to 1.
        alpha: Share of sets without the true class, above 0 and below 1.

    Returns:
        0 to 1; 0, which admits every class, where N images are too few for a smaller set.

    Raises:
        ValueError: Shapes or values do not fit, or `alpha` is no such share.
    """
    calibration.confidence_and_correct(labels, probabilities)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a share above 0 and below 1. Received: {alpha}")
    true_class = np.sort(probabilities[np.arange(len(labels)), labels])
    # The k-th largest, k = ceil((N + 1) (1 - alpha)); the slack is that of a binary share.
    outside = math.floor((len(labels) + 1) * alpha + 1e-9)
    return float(true_class[outside - 1]) * (1 - ROUNDING) if outside else 0.0
