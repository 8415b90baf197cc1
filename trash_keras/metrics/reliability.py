"""Accuracy over confidence in bins of equally many images, with intervals: for a figure.

`calibration.reliability` has the bins of equal width that the expected calibration error is made
of. Most of them hold few images of a good classifier, whose predictions are nearly all confident.
"""

import dataclasses

import numpy as np

from trash_keras.metrics.calibration import confidence_and_correct
from trash_keras.metrics.intervals import wilson_interval

MOST_BINS = 10
IMAGES_A_BIN = 20  # with fewer, an interval spans a third of the figure


@dataclasses.dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Images sorted by their confidence, in bins of equal size but for one image.

    Attributes:
        confidence: float [bins], mean confidence, rising.
        accuracy: float [bins], share of right predictions.
        interval: float [bins, 2], low and high end of its 95% interval (Wilson).
        count: int [bins], images.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    interval: np.ndarray
    count: np.ndarray


def reliability_curve(labels: np.ndarray, probabilities: np.ndarray) -> ReliabilityCurve:
    """Compares confidence with accuracy in bins of equal mass.

    Nguyen & O'Connor, "Posterior calibration and exploratory analysis for natural language
    processing models", EMNLP 2015. There are `MOST_BINS` bins, or fewer, so that each has at least
    `IMAGES_A_BIN` images; of fewer images there is one bin. Images of one confidence may fall into
    two bins.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    confidence, right = confidence_and_correct(labels, probabilities)
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(MOST_BINS, max(1, len(order) // IMAGES_A_BIN)))
    return ReliabilityCurve(
        np.array([confidence[members].mean() for members in bins]),
        np.array([right[members].mean() for members in bins]),
        np.array([wilson_interval(int(right[members].sum()), len(members)) for members in bins]),
        np.array([len(members) for members in bins]),
    )
