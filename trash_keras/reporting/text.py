"""Puts an accuracy beside what it should be compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.metrics import report_file
from trash_keras.metrics.report_file import SPLIT_TITLES, main_split

WIDE_INTERVAL_BELOW = 100  # images
# What the README that this project grew from claimed, on validation images.
ORIGINAL_CLASSES = {"cardboard", "glass", "metal", "paper", "plastic", "trash"}
ORIGINAL_ACCURACY = 0.8415


def is_stand_in(report: Mapping[str, Any]) -> bool:
    """Tells whether the images were drawn by `trash-keras prepare --source=synthetic`."""
    source = (report.get("run") or {}).get("data_source")
    return str(source).startswith("synthetic")


def majority(report: Mapping[str, Any], split: str) -> tuple[str, float]:
    """Returns the most frequent class of a split and its share, 0 to 1."""
    supports = {name: row["support"] for name, row in report[split]["per_class"].items()}
    largest = max(supports, key=lambda name: supports[name])
    return largest, supports[largest] / report[split]["examples"]


def comparison(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns bars: `name`, `share` (0 to 1) and its `text`, `interval` or None for others."""
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
    # The claim of the original has two decimals, and is known by them.
    text = f"{share:.2%}" if share == ORIGINAL_ACCURACY else f"{share:.1%}"
    return {"name": name, "share": share, "text": text, "interval": interval}


def _has_original_classes(report: Mapping[str, Any]) -> bool:
    # Data whose classes had to be renamed is not TrashNet.
    own = "label_map" not in report and not is_stand_in(report)
    return set(report["class_names"]) == ORIGINAL_CLASSES and own


def verdict_paragraphs(report: Mapping[str, Any]) -> list[str]:
    """Returns what to make of the accuracy, a sentence or two each."""
    shown = main_split(report)
    verdict = [_beside_the_majority(report, shown)]
    if is_stand_in(report):
        verdict.insert(
            0,
            "These images are drawn stand-ins, not photographs: the figures show that every "
            "step works, and say nothing of how well waste is told apart.",
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
        verdict.append("The model was trained on these very images, which flatters it.")
    if shown == "all":
        verdict.append("If the model was trained on any of these images, they flatter it.")
    return verdict


def _beside_the_majority(report: Mapping[str, Any], shown: str) -> str:
    scores = report[shown]
    name, share = majority(report, shown)
    if scores["accuracy_interval"][0] > share:
        # The difference of the numbers as printed, or a reader who checks it finds a mistake.
        points = round(100 * scores["accuracy"], 1) - round(100 * share, 1)
        gain = f"this model is {points:.1f} percentage points above it."
    else:
        gain = "this model is not shown to be better than that."
    return (
        f"Always answering “{name}”, the most frequent class, would be right for {share:.1%}; "
        + gain
    )


def _beside_the_original(report: Mapping[str, Any], shown: str) -> str:
    """Compares with the claim of the original README, like with like where that is possible."""
    split = "valid" if "valid" in report else shown
    low, high = report[split]["accuracy_interval"]
    if low <= ORIGINAL_ACCURACY <= high:
        place = "inside that interval, so neither is shown to be better"
    else:
        place = "below that interval" if low > ORIGINAL_ACCURACY else "above that interval"
    return (
        f"The README that this project grew from claimed {ORIGINAL_ACCURACY:.2%}, on validation "
        f"images of TrashNet. {'Like' if split == 'valid' else 'Not quite like'} with like, "
        f"this model reaches {report[split]['accuracy']:.1%} on its {SPLIT_TITLES[split]} images "
        f"(95% interval {low:.1%} to {high:.1%}); the claim is {place}. "
        "That says something only where these are images of TrashNet, too."
    )


def confidence_paragraphs(report: Mapping[str, Any], mean_confidence: float) -> list[str]:
    """Returns what the calibration figures mean, what abstaining is worth, and how it predictions.

    Args:
        report: As `verdict.paragraphs` takes it.
        mean_confidence: Of the main split, 0 to 1.
    """
    scores = report[report_file.main_split(report)]
    gap = mean_confidence - scores["accuracy"]
    says = "more sure than it is right" if gap > 0 else "more often right than it is sure"
    on_average = (
        f"On average it is {says}: confidence {mean_confidence:.1%}, accuracy "
        f"{scores['accuracy']:.1%}."
    )
    covered = scores["coverage_at_2_percent_error"]
    abstaining = (
        "Even its surest predictions are wrong more often than in 2% of cases, so there is no "
        "threshold at which it could be trusted to that extent."
        if covered == 0
        else f"If it may leave the least sure images to a person, it predictions {covered:.1%} of "
        "them with at most 2% wrong predictions. The threshold is the best for these very images, "
        "which flatters a little."
    )
    return [
        f"The expected calibration error (ECE, 15 bins) of {scores['ece']:.3f} is the mean "
        f"distance of confidence and accuracy. {on_average}",
        abstaining,
        *how_it_predictions(report),
    ]


def how_it_predictions(report: Mapping[str, Any]) -> list[str]:
    """Returns what temperature, threshold and sets of the model do on the main split.

    Args:
        report: Content of `report.json`; nothing is returned for one without `answering`.
    """
    answering = report.get("answering")
    if not answering:
        return []
    shown = report_file.main_split(report)
    scores, images = report[shown], f"{report_file.SPLIT_TITLES[shown]} images"
    said = [_abstaining(answering["threshold"], scores["abstention"], images, _aim(report))]
    if (temperature := answering["temperature"]) != 1:
        said.insert(
            0,
            f"A temperature of {temperature:.2f}, fitted on validation images, divides the "
            f"logits. Without it the ECE on the {images} is {scores['ece_uncalibrated']:.3f} "
            f"instead of {scores['ece']:.3f}, the Brier score {scores['brier_uncalibrated']:.3f} "
            f"instead of {scores['brier']:.3f}.",
        )
    if "conformal" in scores:
        sets = scores["conformal"]
        said.append(
            f"Its sets of classes, of {sets['mean_size']:.2f} classes on average, hold the true "
            f"one for {sets['coverage']:.1%} of the {images}."
        )
    return said


def _aim(report: Mapping[str, Any]) -> str:
    """Returns what the threshold was chosen for, where the report tells."""
    settings = (report.get("config") or {}).get("answering")
    return f"{settings['target_risk']:.1%}" if settings else ""


def _abstaining(threshold: float, found: Mapping[str, Any], images: str, aim: str) -> str:
    if threshold == 0:
        why = f": at most {aim} of them were wrong on validation images" if aim else ""
        return f"It is never unsure and gives all predictions{why}."
    lowest = (
        f", the lowest with at most {aim} wrong predictions on validation images" if aim else ""
    )
    if threshold >= 1:
        why = f": even the surest were wrong for more than {aim} on validation images"
        return f"It is unsure of every image{why if aim else ''}."
    said = f"It is unsure up to a probability of {threshold:.3f}{lowest}."
    if not found["coverage"]:
        return f"{said} That is all of the {images}."
    low, high = found["error_interval"]
    return (
        f"{said} Of the {images} it predictions {found['coverage']:.1%}, {found['error']:.1%} of "
        f"these wrongly (95% interval {low:.1%} to {high:.1%})."
    )
