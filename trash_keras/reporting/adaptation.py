"""What adapting a model gained and lost, in sentences."""

from collections.abc import Mapping
from typing import Any


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """Returns what to make of an adaptation, a sentence or two each.

    Args:
        found: The section `adaptation` of a report.
    """
    told = [_new_place(found), _home(found), found["finetuning"]["verdict"]]
    if "other_images" in found:
        told.append(_others(found["other_images"]))
    if found["new_classes"]:
        told.append(
            f"New classes: {', '.join(found['new_classes'])}. The model before could not name "
            "them, so all their images count as wrong for it."
        )
    if found["missing_classes"]:
        told.append(
            f"No image of {', '.join(found['missing_classes'])} came from the new place: how well "
            "such images are classified there is not known."
        )
    return told


def _new_place(found: Mapping[str, Any]) -> str:
    scores = found["new_place"]
    low, high = scores["gain_interval"]
    if low > 0:
        verdict = "So it gained."
    elif high < 0:
        verdict = "So it lost."
    else:
        verdict = (
            f"The interval holds no change, so {scores['examples']} images are too few to tell "
            "whether it gained."
        )
    return (
        f"New place, {scores['examples']} images, each classified by a model that was fitted to "
        f"others ({found['folds']}-fold cross-validation): {_both(scores)}, "
        f"{_points(scores['gain'])} percentage points (95% interval {_points(low)} to "
        f"{_points(high)}). {verdict} {_answers(scores)}"
    )


def _home(found: Mapping[str, Any]) -> str:
    scores = found["home"]
    low, high = scores["gain_interval"]
    return (
        f"Home, {scores['examples']} {found['home_images']}: {_both(scores)}, "
        f"{_points(scores['gain'])} percentage points (95% interval {_points(low)} to "
        f"{_points(high)}). {_answers(scores)}"
    )


def _others(scores: Mapping[str, Any]) -> str:
    before, after = (
        f"{scores[name]:.1%} (95% interval {scores[f'{name}_interval'][0]:.1%} to "
        f"{scores[f'{name}_interval'][1]:.1%})"
        for name in ("before", "after")
    )
    return (
        f"Images of none of the classes, {scores['examples']}, each seen by a model that was "
        f"fitted to others: it predicts a class for {before} of them before, {after} after."
    )


def _both(scores: Mapping[str, Any]) -> str:
    before, after = scores["before"], scores["after"]
    return f"accuracy {before['accuracy']:.1%} before, {after['accuracy']:.1%} after"


def _answers(scores: Mapping[str, Any]) -> str:
    parts = [
        f"{part['coverage']:.1%} of them {when}"
        + ("" if part["error"] is None else f", {part['error']:.1%} of these wrongly")
        for when, part in (("before", scores["before"]), ("after", scores["after"]))
    ]
    return f"It is sure of {'; and of '.join(parts)}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
