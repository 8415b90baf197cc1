"""The threshold of selective classification: up to it the model abstains (`unsure`)."""

import dataclasses
import math
from typing import Any

import numpy as np

from trash_keras.metrics import calibration
from trash_keras.metrics.intervals import binomial_upper_bound

SLACK = 1e-12  # a share like 0.02 has no exact binary form
# Where the tests begin: at the fewest images of which 5 may be wrong, or as many less as it takes
# to begin within this share of the images. At the very first threshold that can pass none may be
# wrong, so a single wrong label would end the sequence. Far down, a model that keeps its target
# for only some of the images would never pass.
ERRORS_AT_START = 5
COVERAGE_AT_START = 0.6


@dataclasses.dataclass(frozen=True)
class RiskControl:
    """A threshold, and what is known of the risk that it leaves.

    The risk is the share of wrong predictions among those given.

    Attributes:
        threshold: Confidence up to which a prediction is `unsure`: the middle between the last
            confidence that passes and the next, so that no rounding decides. Where all pass, the
            next is that of knowing nothing, 1 / classes. 1 where even the surest are wrong too
            often; 0, never unsure, for a `target_risk` of 1.
        guaranteed: Whether the risk on further images like these is at most `target_risk`, with
            probability `confidence` over the choice of these. False for a point estimate.
        target_risk: What was aimed at, 0 to 1.
        confidence: What was asked for, 0 to 1; 0 for a point estimate.
        images: Images that the threshold was chosen on.
        images_needed: Fewest images, all classified correctly, that give a guarantee; None where
            no number does, or none was asked for.
        predicted: Those of the images that get a prediction.
        wrong: Those that get a wrong one.
        upper_bound: Clopper-Pearson bound of the risk at `confidence`; None without a guarantee.
        pooled: Whether the images are those of a cross-validation, which other models of the same
            recipe predicted.
    """

    threshold: float
    guaranteed: bool
    target_risk: float
    confidence: float
    images: int
    images_needed: int | None
    predicted: int
    wrong: int
    upper_bound: float | None
    pooled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields and the `statement`, as report.json has them: `risk_control`."""
        return {**dataclasses.asdict(self), "statement": self.statement()}

    def statement(self) -> str:
        """Returns what is guaranteed, for which images, and how many are too few for it."""
        images = "cross-validation images" if self.pooled else "validation images"
        confidence, target = f"{100 * self.confidence:g}% confidence", f"{self.target_risk:.1%}"
        if self.guaranteed:
            model = ", if it errs as the models there do" if self.pooled else ""
            return (
                f"It is guaranteed with {confidence} that at most {target} of its predictions "
                f"(without `unsure`) are wrong on images like the {self.images} {images}{model}: "
                f"{self.predicted} of these got a prediction, {self.wrong} a wrong one; fewer than "
                f"{self.images_needed} would have been too few."
            )
        return f"Nothing is guaranteed for new images: {self._obstacle(images, confidence, target)}"

    def _obstacle(self, images: str, confidence: str, target: str) -> str:
        """Returns why nothing is guaranteed, and what the threshold is then."""
        if self.threshold < 1:
            instead = (
                f" The threshold keeps the {target} on the {images} themselves, and on new ones "
                "about as often as not."
            )
        else:
            instead = ""
        if not self.confidence:
            return f"no confidence was asked for (--risk_confidence=0).{instead}"
        if self.images_needed is None:
            return f"no number of images shows that no prediction is wrong.{instead}"
        if self.images < self.images_needed:
            return (
                f"{self.images} {images} are too few, since it takes {self.images_needed} or more "
                f"to show with {confidence} that at most {target} are wrong.{instead}"
            )
        return (
            f"too many of the most confident predictions for the {self.images} {images} are wrong "
            f"to show with {confidence} that at most {target} are.{instead}"
        )


def control_risk(
    labels: np.ndarray, probabilities: np.ndarray, target_risk: float, confidence: float
) -> RiskControl:
    """Chooses the lowest threshold whose risk is shown to be at most `target_risk`.

    Selective classification with a guaranteed risk (Geifman & El-Yaniv, "Selective Classification
    for Deep Neural Networks", NeurIPS 2017), here by fixed-sequence testing as in Learn Then Test
    (Angelopoulos, Bates, Candès, Jordan & Lei, 2021, arXiv:2110.01052): thresholds are tested from
    high to low, each by the exact binomial bound of Clopper & Pearson (1934) at the full
    `confidence`, up to the first that fails. That is valid since the order is fixed: to accept a
    threshold of too high a risk, the bound would have to fail at the very first of these, which it
    does with probability 1 - `confidence` at most.

    The highest thresholds let so few images pass that even without an error nothing is shown, so
    the sequence starts further down, see `_first_test`. Confidences alone choose where, never
    errors. Were the risk too high already there, the first test would have to fail, with the same
    probability. For that, risk has to fall with the threshold rising: where one threshold keeps
    the target, higher ones do, too.

    Where nothing can be guaranteed, and for `confidence` 0, it is a point estimate: the lowest
    threshold that keeps the target on these very images. On further images the risk is higher
    about as often as lower.

    Args:
        labels: int [N], true classes of images that were not trained on, drawn independently.
        probabilities: float [N, classes], at the model's temperature, 0 to 1; rows sum to 1.
        target_risk: Largest share of errors among the images that get a prediction, 0 to 1.
        confidence: Probability that the guarantee holds, 0 to below 1; 0 for a point estimate.

    Raises:
        ValueError: Shapes or values do not fit, or the target is no share.
    """
    curve = calibration.risk_coverage(labels, probabilities)
    needed = images_needed(target_risk, confidence)
    predicted = np.rint(curve.coverage * len(labels)).astype(int)
    wrong = np.rint(curve.risk * predicted).astype(int)
    last, bound = curve.operating_point(target_risk), None
    if needed is not None:
        first = _first_test(len(labels), needed, target_risk, confidence)
        tested = np.flatnonzero(predicted >= first)
        bounds = binomial_upper_bound(wrong[tested], predicted[tested], confidence)
        passed = np.logical_and.accumulate(bounds <= target_risk + SLACK).sum()
        if passed:
            last, bound = int(tested[passed - 1]), float(bounds[passed - 1])
    return RiskControl(
        threshold=_below(curve, last, 1 / probabilities.shape[1]) if target_risk < 1 else 0.0,
        guaranteed=bound is not None,
        target_risk=target_risk,
        confidence=confidence,
        images=len(labels),
        images_needed=needed,
        predicted=0 if last is None else int(predicted[last]),
        wrong=0 if last is None else int(wrong[last]),
        upper_bound=bound,
    )


def images_needed(target_risk: float, confidence: float) -> int | None:
    """Returns how many predictions, all of them right, show a risk of at most `target_risk`.

    Args:
        target_risk: 0 to 1.
        confidence: 0 to below 1; 0 for a point estimate.

    Returns:
        At least 1; None where no number does, or no confidence is asked for.

    Raises:
        ValueError: `confidence` is not in that range.
    """
    if not 0 <= confidence < 1:
        raise ValueError(f"confidence is at least 0 and below 1. Received: {confidence}")
    if not confidence or not target_risk:
        return None
    if target_risk >= 1:
        return 1
    # N right ones have probability (1 - risk)^N; the slack is that of a binary share.
    exact = math.log1p(-confidence) / math.log1p(-target_risk)
    return max(1, math.ceil(exact - 1e-9))


def _first_test(images: int, needed: int, target_risk: float, confidence: float) -> int:
    """Returns how many images the first threshold that is tested lets pass at least."""
    for errors in range(ERRORS_AT_START, 0, -1):
        counts = np.arange(errors + 1, int(COVERAGE_AT_START * images) + 1)
        bounds = binomial_upper_bound(np.full(len(counts), errors), counts, confidence)
        if len(enough := counts[bounds <= target_risk + SLACK]):
            return int(enough[0])
    return needed


def _below(curve: calibration.RiskCoverage, last: int | None, lowest: float) -> float:
    """Returns the threshold that lets the points of a curve up to `last` pass.

    Args:
        curve: Of the images that the threshold is chosen on.
        last: Index; None for no point.
        lowest: Confidence of knowing nothing.
    """
    if last is None:
        return 1.0
    following = np.append(curve.threshold, lowest)[last + 1]
    return float((curve.threshold[last] + following) / 2)
