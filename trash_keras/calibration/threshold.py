"""The threshold of selective classification: up to it the model abstains (`unsure`)."""

import numpy as np

from trash_keras.metrics import calibration


def selective_threshold(labels: np.ndarray, probabilities: np.ndarray, target_risk: float) -> float:
    """Returns the lowest threshold with a risk of at most `target_risk`.

    Geifman & El-Yaniv, "Selective Classification for Deep Neural
    Networks", NeurIPS 2017. Here the risk is that of the validation images themselves, without
    their bound.

    Args:
        labels: int [N], true classes of validation images.
        probabilities: float [N, classes], at the model's temperature, 0 to 1; rows sum to 1.
        target_risk: Largest share of errors among the images that get a prediction, 0 to 1.

    Returns:
        0 where no image has to be `unsure`, 1 where even the surest are wrong too often; else the
        middle between the last confidence that passes and the next, so that no rounding decides.

    Raises:
        ValueError: Shapes or values do not fit, or `target_risk` is no share.
    """
    curve = calibration.risk_coverage(labels, probabilities)
    last = curve.operating_point(target_risk)
    if last is None:
        return 1.0
    below = curve.threshold[last + 1 :]
    return float((curve.threshold[last] + below[0]) / 2) if len(below) else 0.0
