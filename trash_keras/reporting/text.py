"""What the numbers of a report mean, in sentences.

The accuracy beside what it should be compared with, calibration, selective classification (the
model abstains) and conformal sets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.metrics.report_file import SPLIT_TITLES, main_split
from trash_keras.reporting import adaptation

WIDE_INTERVAL_BELOW = 100  # images
# The claim of the README that this project started from, on validation images.
ORIGINAL_CLASSES = {"cardboard", "glass", "metal", "paper", "plastic", "trash"}
ORIGINAL_ACCURACY = 0.8415


def is_synthetic(report: Mapping[str, Any]) -> bool:
    """Returns whether `trash-keras prepare --source=synthetic` made the images."""
    source = (report.get("run") or {}).get("data_source")
    return str(source).startswith("synthetic")


def majority(report: Mapping[str, Any], split: str) -> tuple[str, float]:
    """Returns the most frequent class of a split and its share, 0 to 1."""
    supports = {name: row["support"] for name, row in report[split]["per_class"].items()}
    largest = max(supports, key=lambda name: supports[name])
    return largest, supports[largest] / report[split]["examples"]


def comparison_bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the bars that compare accuracies.

    Args:
        report: From `report.build`.

    Returns:
        For each bar `name`, `share` (0 to 1), its `text`, and the 95% `interval`, None for what
        is not this model.
    """
    shown = main_split(report)
    bars = [_own_bar(report, shown)]
    if _has_original_classes(report):
        if shown != "valid" and "valid" in report:
            bars.append(_own_bar(report, "valid"))
        bars.append(_bar("Original README, validation images", ORIGINAL_ACCURACY))
    name, share = majority(report, shown)
    bars.append(_bar(f"Always “{name}”, {SPLIT_TITLES[shown]} images", share))
    return bars


def _own_bar(report: Mapping[str, Any], split: str) -> dict[str, Any]:
    scores = report[split]
    name = f"This model, {SPLIT_TITLES[split]} images"
    return _bar(name, scores["accuracy"], scores["accuracy_interval"])


def _bar(name: str, share: float, interval: Sequence[float] | None = None) -> dict[str, Any]:
    # The original claim is known with its two decimals.
    text = f"{share:.2%}" if share == ORIGINAL_ACCURACY else f"{share:.1%}"
    return {"name": name, "share": share, "text": text, "interval": interval}


def _has_original_classes(report: Mapping[str, Any]) -> bool:
    # Data whose classes had to be renamed, or from several sources, is not TrashNet.
    mapped = ((report.get("config") or {}).get("data") or {}).get("label_map")
    other = {"label_map", "sources", "adaptation"} & set(report) or mapped
    own = not (other or is_synthetic(report))
    return set(report["class_names"]) == ORIGINAL_CLASSES and own


def verdict_paragraphs(report: Mapping[str, Any]) -> list[str]:
    """Returns what to make of the accuracy, a sentence or two each."""
    shown = main_split(report)
    if "adaptation" in report:
        return adaptation.paragraphs(report["adaptation"])
    verdict = [_beside_the_majority(report, shown)]
    if is_synthetic(report):
        verdict.insert(
            0,
            "These images are synthetic, not photographs: the figures show that every step works, "
            "and say nothing about photographs of waste.",
        )
    if _has_original_classes(report):
        verdict.append(_beside_the_original(report, shown))
    examples = report[shown]["examples"]
    if examples < WIDE_INTERVAL_BELOW:
        low, high = report[shown]["accuracy_interval"]
        counted = "1 image was" if examples == 1 else f"{examples} images were"
        verdict.append(
            f"Only {counted} scored, so the interval is wide: the true accuracy "
            f"may well be anywhere from {low:.1%} to {high:.1%}."
        )
    if shown == "train":
        verdict.append("The model was trained on these images, so the figures are too good.")
    if shown == "all":
        verdict.append(
            "If the model was trained on some of these images, the figures are too good."
        )
    return verdict


def _beside_the_majority(report: Mapping[str, Any], shown: str) -> str:
    scores = report[shown]
    name, share = majority(report, shown)
    if scores["accuracy_interval"][0] > share:
        # The difference of the printed numbers, so that it holds for a reader who checks it.
        points = round(100 * scores["accuracy"], 1) - round(100 * share, 1)
        gain = f"this model is {points:.1f} percentage points above it."
    else:
        gain = "this model is not shown to be better than that."
    return (
        f"Always predicting “{name}”, the most frequent class, would be right for {share:.1%}; "
        + gain
    )


def _beside_the_original(report: Mapping[str, Any], shown: str) -> str:
    """Compares with the claim of the original README, on validation images if there are any."""
    split = "valid" if "valid" in report else shown
    low, high = report[split]["accuracy_interval"]
    if low <= ORIGINAL_ACCURACY <= high:
        place = "inside that interval, so neither is shown to be better"
    else:
        place = "below that interval" if low > ORIGINAL_ACCURACY else "above that interval"
    return (
        f"The README that this project started from claimed {ORIGINAL_ACCURACY:.2%}, on validation "
        f"images of TrashNet. {'Like' if split == 'valid' else 'Not quite like'} with like, "
        f"this model reaches {report[split]['accuracy']:.1%} on its {SPLIT_TITLES[split]} images "
        f"(95% interval {low:.1%} to {high:.1%}); the claim is {place}. "
        "That means something only if these are images of TrashNet, too."
    )


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
    lowest = f", the lowest {aim}" if aim else ""
    rule = f"It is unsure up to a probability of {threshold:.3f}{lowest}."
    if not found["coverage"]:
        return f"{rule} That is all of the {images}."
    low, high = found["error_interval"]
    return (
        f"{rule} It classifies {found['coverage']:.1%} of the {images}, {found['error']:.1%} of "
        f"these wrongly (95% interval {low:.1%} to {high:.1%})."
    )
