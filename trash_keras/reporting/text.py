"""Calibration, selective classification (the model abstains) and conformal sets, in words."""

from collections.abc import Mapping
from typing import Any

from trash_keras.metrics.report_file import SPLIT_TITLES, main_split


def confidence_paragraphs(report: Mapping[str, Any], mean_confidence: float) -> list[str]:
    """Returns what the calibration figures mean, and what abstaining is worth.

    Args:
        report: From `report.build`.
        mean_confidence: Of the main split, 0 to 1.
    """
    scores = report[main_split(report)]
    gap = mean_confidence - scores["accuracy"]
    balance = "overconfident" if gap > 0 else "underconfident"
    on_average = (
        f"On average it is {balance}: confidence {mean_confidence:.1%}, accuracy "
        f"{scores['accuracy']:.1%}."
    )
    covered = scores["coverage_at_2_percent_error"]
    abstaining = (
        "Even its most confident predictions are wrong in more than 2% of cases, so no threshold "
        "keeps the errors below that."
        if covered == 0
        else f"If it may leave images of low confidence to a person, it classifies {covered:.1%} "
        "with at most 2% wrong. That is with the best threshold for these very images, so it is a "
        "little too good."
    )
    return [
        f"The expected calibration error (ECE, 15 bins) of {scores['ece']:.3f} is the mean "
        f"gap between confidence and accuracy. {on_average}",
        abstaining,
        *calibration_paragraphs(report),
    ]


def calibration_paragraphs(report: Mapping[str, Any]) -> list[str]:
    """Returns what temperature, threshold and conformal sets of the model do on the main split.

    Args:
        report: From `report.build`; without `answering` there is nothing to say.
    """
    settings = report.get("answering")
    if not settings:
        return []
    shown = main_split(report)
    scores, images = report[shown], f"{SPLIT_TITLES[shown]} images"
    threshold, risk = settings["threshold"], report.get("risk_control")
    paragraphs = [_abstaining(threshold, scores["abstention"], images, _aim(report))]
    if risk:
        paragraphs.append(risk["statement"])
    if (temperature := settings["temperature"]) != 1:
        paragraphs.insert(
            0,
            f"A temperature of {temperature:.2f}, fitted on validation images, divides the "
            f"logits. Without it the ECE on the {images} is {scores['ece_uncalibrated']:.3f} "
            f"instead of {scores['ece']:.3f}, the Brier score {scores['brier_uncalibrated']:.3f} "
            f"instead of {scores['brier']:.3f}.",
        )
    if "conformal" in scores:
        sets = scores["conformal"]
        paragraphs.append(
            f"Its conformal sets, of {sets['mean_size']:.2f} classes on average, hold the true "
            f"class for {sets['coverage']:.1%} of the {images}."
        )
    return paragraphs


def _aim(report: Mapping[str, Any]) -> str:
    """Returns what the threshold was chosen for; empty if it is not known."""
    settings = (report.get("config") or {}).get("answering")
    if not settings:
        return ""
    target, risk = f"{settings['target_risk']:.1%}", report.get("risk_control") or {}
    if risk.get("guaranteed"):
        return f"guaranteed to leave at most {target} wrong predictions"
    images = "cross-validation images" if risk.get("pooled") else "validation images"
    return f"with at most {target} wrong predictions on {images}"


def _abstaining(threshold: float, found: Mapping[str, Any], images: str, aim: str) -> str:
    if threshold == 0:
        return f"It is never unsure and classifies every image{f', {aim}' if aim else ''}."
    if threshold >= 1:
        return f"It is unsure of every image{f': no threshold comes {aim}' if aim else ''}."
    rule = f"It is unsure up to a probability of {threshold:.3f}{f', {aim}' if aim else ''}."
    if not found["coverage"]:
        return f"{rule} That is all of the {images}."
    low, high = found["error_interval"]
    return (
        f"{rule} It classifies {found['coverage']:.1%} of the {images}, {found['error']:.1%} of "
        f"these wrongly (95% interval {low:.1%} to {high:.1%})."
    )
