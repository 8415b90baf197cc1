"""Puts an accuracy beside what it should be compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.metrics.report_file import SPLIT_TITLES, main_split

WIDE_INTERVAL_BELOW = 100  # pictures
# What the README that this project grew from claimed, on validation pictures.
ORIGINAL_CLASSES = {"cardboard", "glass", "metal", "paper", "plastic", "trash"}
ORIGINAL_ACCURACY = 0.8415


def is_stand_in(report: Mapping[str, Any]) -> bool:
    """Tells whether the pictures were drawn by `trash-keras prepare --source=synthetic`."""
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
        bars.append(_bar("Original README, validation pictures", ORIGINAL_ACCURACY))
    name, share = majority(report, shown)
    bars.append(_bar(f"Always “{name}”, {SPLIT_TITLES[shown]} pictures", share))
    return bars


def _own_bar(report: Mapping[str, Any], split: str) -> dict[str, Any]:
    scores = report[split]
    name = f"This model, {SPLIT_TITLES[split]} pictures"
    return _bar(name, scores["accuracy"], scores["accuracy_interval"])


def _bar(name: str, share: float, interval: Sequence[float] | None = None) -> dict[str, Any]:
    # The claim of the original has two decimals, and is known by them.
    text = f"{share:.2%}" if share == ORIGINAL_ACCURACY else f"{share:.1%}"
    return {"name": name, "share": share, "text": text, "interval": interval}


def _has_original_classes(report: Mapping[str, Any]) -> bool:
    # Data whose classes had to be renamed is not TrashNet.
    own = "label_map" not in report and not is_stand_in(report)
    return set(report["class_names"]) == ORIGINAL_CLASSES and own


def paragraphs(report: Mapping[str, Any]) -> list[str]:
    """Returns what to make of the accuracy, a sentence or two each."""
    shown = main_split(report)
    verdict = [_beside_the_majority(report, shown)]
    if is_stand_in(report):
        verdict.insert(
            0,
            "These pictures are drawn stand-ins, not photographs: the figures show that every "
            "step works, and say nothing of how well waste is told apart.",
        )
    if _has_original_classes(report):
        verdict.append(_beside_the_original(report, shown))
    examples = report[shown]["examples"]
    if examples < WIDE_INTERVAL_BELOW:
        low, high = report[shown]["accuracy_interval"]
        counted = "1 picture was" if examples == 1 else f"{examples} pictures were"
        verdict.append(
            f"Only {counted} scored, so the interval is wide: the true accuracy "
            f"may well be anywhere from {low:.1%} to {high:.1%}."
        )
    if shown == "train":
        verdict.append("The model was trained on these very pictures, which flatters it.")
    if shown == "all":
        verdict.append("If the model was trained on any of these pictures, they flatter it.")
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
        f"pictures of TrashNet. {'Like' if split == 'valid' else 'Not quite like'} with like, "
        f"this model reaches {report[split]['accuracy']:.1%} on its {SPLIT_TITLES[split]} pictures "
        f"(95% interval {low:.1%} to {high:.1%}); the claim is {place}. "
        "That says something only where these are pictures of TrashNet, too."
    )
