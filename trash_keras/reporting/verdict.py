"""What to make of a report, in sentences: the verdict, and what one has to know beside it."""

from collections.abc import Mapping
from typing import Any

from trash_keras.metrics.classification import most_confused
from trash_keras.metrics.intervals import wilson_interval
from trash_keras.metrics.report_file import SPLIT_TITLES, main_split
from trash_keras.reporting import adaptation

WIDE_INTERVAL_BELOW = 100  # images


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
    """Returns the bars that compare the accuracy with that of always the most frequent class.

    Args:
        report: From `report.build`.

    Returns:
        For each bar `name`, `share` (0 to 1), and the 95% `interval`, None for what is not this
        model.
    """
    shown = main_split(report)
    scores, (name, share) = report[shown], majority(report, shown)
    images = f"{SPLIT_TITLES[shown]} images"
    return [
        {"name": f"This model, {images}", "share": scores["accuracy"],
         "interval": scores["accuracy_interval"]},
        {"name": f"Always “{name}”, {images}", "share": share, "interval": None},
    ]  # fmt: skip


def verdict_sentences(report: Mapping[str, Any]) -> list[str]:
    """Returns three sentences: what is answered and how much of it wrong, weakest class, confusion.

    Args:
        report: From `report.build`.
    """
    shown = main_split(report)
    return [
        _answered(report, shown),
        weakest_class(report[shown], SPLIT_TITLES[shown]),
        _main_confusion(report, shown),
    ]


def _answered(report: Mapping[str, Any], shown: str) -> str:
    images, found = f"{SPLIT_TITLES[shown]} images", report[shown]["abstention"]
    if not found["coverage"]:
        return f"None of the {images} gets a prediction: the model is unsure of all."
    start = f"{found['coverage']:.1%} of the {images} get a prediction (the others are unsure)"
    if found["coverage"] == 1:
        start = f"All {images} get a prediction"
    low, high = found["error_interval"]
    return (
        f"{start}; {found['error']:.1%} of these predictions are wrong (95% interval {low:.1%} to "
        f"{high:.1%}){_against_the_target(report, found)}."
    )


def _against_the_target(report: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    settings = (report.get("config") or {}).get("answering") or {}
    target = (report.get("risk_control") or {}).get("target_risk", settings.get("target_risk"))
    if target is None:
        return ""
    wanted = f"the {target:.1%} that was wanted"
    if found["error"] <= target:
        return f", not more than {wanted}"
    chance = "no more" if found["error_interval"][0] <= target else "more"
    return f", more than {wanted}, by {chance} than chance explains"


def weakest_class(scores: Mapping[str, Any], images: str) -> str:
    """Returns a sentence: the class of the lowest recall, of equal ones that with most images.

    Args:
        scores: Of one split of a report.
        images: Which ones it has, as in "test".
    """
    rows = {name: row for name, row in scores["per_class"].items() if row["support"]}
    name = min(rows, key=lambda each: (rows[each]["recall"], -rows[each]["support"]))
    recall, support = rows[name]["recall"], rows[name]["support"]
    if recall == 1:
        return f"No class is weak: all {images} images of each are recognized."
    low, high = wilson_interval(round(recall * support), support)
    return (
        f"The weakest class is “{name}”: {recall:.1%} of its {support} {images} "
        f"{'image is' if support == 1 else 'images are'} recognized "
        f"(95% interval {low:.1%} to {high:.1%})."
    )


def _main_confusion(report: Mapping[str, Any], shown: str) -> str:
    found = most_confused(report[shown]["confusion_matrix"], 1)
    if not found:
        return "No class is taken for another one."
    ((truth, prediction, count),) = found
    names = report["class_names"]
    support = report[shown]["per_class"][names[truth]]["support"]
    return (
        f"The main confusion: {count} of {support} images of “{names[truth]}” "
        f"{'is' if count == 1 else 'are'} taken for “{names[prediction]}”."
    )


def caveats(report: Mapping[str, Any]) -> list[str]:
    """Returns what one has to know to make something of the figures, a sentence or two each.

    Args:
        report: From `report.build`.
    """
    shown = main_split(report)
    found = []
    if is_synthetic(report):
        found.append(
            "These images are synthetic, not photographs: the figures show that every step works, "
            "and say nothing about photographs of waste."
        )
    if "adaptation" in report:
        return found + adaptation.paragraphs(report["adaptation"])
    name, share = majority(report, shown)
    if report[shown]["accuracy_interval"][0] <= share:
        found.append(
            f"This model is not shown to be better than always predicting “{name}”, the most "
            f"frequent class, which is right for {share:.1%}."
        )
    examples = report[shown]["examples"]
    if examples < WIDE_INTERVAL_BELOW:
        low, high = report[shown]["accuracy_interval"]
        counted = "1 image was" if examples == 1 else f"{examples} images were"
        found.append(
            f"Only {counted} scored, so the interval is wide: the true accuracy "
            f"may well be anywhere from {low:.1%} to {high:.1%}."
        )
    if shown == "train":
        found.append("The model was trained on these images, so the figures are too good.")
    if shown == "all":
        found.append("If the model was trained on some of these images, the figures are too good.")
    return found
