"""Calibration and selective prediction: how far a classifier's confidence can be trusted.

Confidence is the largest probability of an image. Here are the reliability diagram, the expected
calibration error (ECE), the Brier score, and risk over coverage where the model may abstain.
"""

import dataclasses

import numpy as np
from scipy.special import softmax

BINS = 15


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Images sorted into bins of equal width by their confidence; NaN where a bin is empty.

    Attributes:
        edges: float [bins + 1], from 0 to 1; a bin holds its upper edge but not its lower one.
        confidence: float [bins], mean confidence.
        accuracy: float [bins], share of right predictions.
        count: int [bins], images.
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk and coverage when images below a confidence get no prediction; a point a threshold.

    Attributes:
        threshold: float [M], the confidences that occur, falling.
        coverage: float [M], share of images with at least that confidence, rising to 1.
        risk: float [M], share of wrong predictions among those.
    """

    threshold: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray

    def operating_point(self, target_risk: float) -> int | None:
        """Returns the last point with a risk of at most `target_risk`, 0 to 1; None without one."""
        if not 0 <= target_risk <= 1:
            raise ValueError(f"target_risk is a share from 0 to 1. Received: {target_risk}")
        # A share like 0.02 has no exact binary form: without the slack, 3 of 150 could be over it.
        allowed = np.flatnonzero(self.risk <= target_risk + 1e-12)
        return int(allowed[-1]) if len(allowed) else None


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Compares confidence with accuracy (reliability diagram, Niculescu-Mizil & Caruana 2005).

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.
        bins: Number of bins of equal width.

    Raises:
        ValueError: Shapes or values do not fit, or there is no bin.
    """
    confidence, right = confidence_and_correct(labels, probabilities)
    if bins < 1:
        raise ValueError(f"Calibration needs at least one bin. Received: bins={bins}")
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    count = np.bincount(place, minlength=bins)
    divisor = np.where(count, count, np.nan)
    return Reliability(
        edges,
        np.bincount(place, confidence, bins) / divisor,
        np.bincount(place, right, bins) / divisor,
        count,
    )


def expected_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> float:
    """Returns the mean distance of confidence and accuracy over bins, 0 (best) to 1.

    Bins count by their images. Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural
    Networks", ICML 2017, equation 3.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.
        bins: Number of bins of equal width.

    Raises:
        ValueError: Shapes or values do not fit, or there is no bin.
    """
    found = reliability(labels, probabilities, bins)
    gaps = np.nan_to_num(np.abs(found.accuracy - found.confidence))
    return float(gaps @ found.count / found.count.sum())


def brier_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the mean squared distance from the truth, 0 (best) to 2.

    The sum over all classes, as Brier defined it ("Verification of forecasts expressed in terms
    of probability", Monthly Weather Review, 1950); for two classes some halve it.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    confidence_and_correct(labels, probabilities)
    distance = np.array(probabilities, np.float64)
    distance[np.arange(len(labels)), labels] -= 1
    return float(np.square(distance).sum(axis=1).mean())


def risk_coverage(labels: np.ndarray, probabilities: np.ndarray) -> RiskCoverage:
    """Lets the classifier abstain below each confidence that occurs.

    Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017. Images
    of equal confidence pass together or not at all: no threshold tells them apart.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    confidence, right = confidence_and_correct(labels, probabilities)
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(~right[order])
    last = np.flatnonzero(np.append(np.diff(confidence) != 0, True))
    passed = last + 1
    return RiskCoverage(confidence[last], passed / len(confidence), errors[last] / passed)


def aurc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the area under the risk-coverage curve, 0 (best) to 1.

    The mean, over all images, of the risk at the threshold that just lets the image pass:
    Geifman, Uziel & El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers",
    ICLR 2019, equation 3.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    curve = risk_coverage(labels, probabilities)
    return float(curve.risk @ np.diff(curve.coverage, prepend=0))


def augrc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the area under the generalized risk-coverage curve, 0 (best) to 0.5.

    Generalized risk is the share of wrong predictions given, of all images. Its area is the mean
    rate of undetected errors over all thresholds. In AURC errors of high confidence weigh
    more than that: Traub, Bungert, Lüth, Baumgartner, Maier-Hein, Maier-Hein & Jäger, "Overcoming
    Common Flaws in the Evaluation of Selective Classification Systems", NeurIPS 2024.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    curve = risk_coverage(labels, probabilities)
    # Straight between two thresholds: images of equal confidence come in no order.
    coverage = np.append(0, curve.coverage)
    return float(np.trapezoid(np.append(0, curve.risk * curve.coverage), coverage))


def coverage_at_error(labels: np.ndarray, probabilities: np.ndarray, target_risk: float) -> float:
    """Returns the largest coverage at which the risk is at most `target_risk`.

    The threshold is the best one for these very images, which flatters a little. A threshold for
    use has to be chosen on other images.

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.
        target_risk: Largest share of wrong predictions among those given, 0 to 1.

    Returns:
        0 to 1; 0 where even the surest predictions are wrong more often.

    Raises:
        ValueError: Shapes or values do not fit, or `target_risk` is no share.
    """
    curve = risk_coverage(labels, probabilities)
    last = curve.operating_point(target_risk)
    return 0.0 if last is None else float(curve.coverage[last])


def confidence_and_correct(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns confidence, float [N], and whether the prediction is right, bool [N].

    Args:
        labels: int [N], true classes.
        probabilities: float [N, classes], 0 to 1; rows sum to 1.

    Raises:
        ValueError: Shapes or values do not fit.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            "Calibration needs labels [N] and probabilities [N, classes] of at least one image. "
            f"Received shapes: {labels.shape} and {probabilities.shape}"
        )
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"Labels must lie between 0 and {probabilities.shape[1] - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    # A softmax in float32 can round to a little more than 1. NaN makes both comparisons false.
    if not (probabilities.min() >= 0 and probabilities.max() <= 1 + 1e-3):
        raise ValueError(
            "Probabilities must lie between 0 and 1. "
            f"Received: {probabilities.min()} to {probabilities.max()}"
        )
    confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1)
    return confidence, probabilities.argmax(axis=1) == labels


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns the probabilities, float64 [N, classes], after dividing their logits.

    Args:
        probabilities: float [N, classes].
        temperature: Divisor, above 0; 1 / T undoes T.
    """
    return softmax(logits_of(probabilities) / temperature, axis=1)


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """Returns finite logits, float64 [N, classes], whose softmax these probabilities are.

    Args:
        probabilities: float [N, classes].
    """
    smallest = np.finfo(np.float32).tiny  # the softmax of float32 underflows to 0
    return np.log(np.maximum(np.asarray(probabilities, np.float64), smallest))
