"""Robustness: how much accuracy each kind of corruption and each frame costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trash_keras.metrics import agreement
from trash_keras.metrics.predictions import Predictions

FIGURES = ("accuracy", "macro_f1")


def score(clean: Predictions, corrupted: Mapping[str, Sequence[Predictions]]) -> dict[str, Any]:
    """Scores the same images, clean and corrupted.

    Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations", ICLR 2019. Their ImageNet-C divides the errors by those of AlexNet, which
    would explain nothing for other classes. Here the accuracies themselves are averaged.

    Args:
        clean: Predictions for the images as they are.
        corrupted: Kind of corruption -> predictions for the same images at each severity, in order.

    Returns:
        `examples`, `clean` (accuracy and macro_f1, 0 to 1), `kinds` (kind -> accuracy and macro_f1
        at each severity, mean_accuracy and mean_macro_f1 over them), and mean_accuracy and
        mean_macro_f1 over the kinds.

    Raises:
        ValueError: There is no corruption, or predictions are for other images.
    """
    if not corrupted or not all(corrupted.values()):
        raise ValueError(
            "Expected at least one kind of corruption, with predictions for each severity."
        )
    kinds = {}
    for kind, levels in corrupted.items():
        if any(list(level.paths) != list(clean.paths) for level in levels):
            raise ValueError(
                f"The predictions for {kind} are for other images than the clean ones."
            )
        scores = [_figures(level) for level in levels]
        lists = {name: [row[name] for row in scores] for name in FIGURES}
        kinds[kind] = lists | {f"mean_{name}": float(np.mean(lists[name])) for name in FIGURES}
    means = {
        f"mean_{name}": float(np.mean([kind[f"mean_{name}"] for kind in kinds.values()]))
        for name in FIGURES
    }
    return {"examples": len(clean.paths), "clean": _figures(clean), "kinds": kinds, **means}


def score_frames(framed: Mapping[str, Predictions], threshold: float) -> dict[str, Any]:
    """Scores the same images in frames of several aspect ratios.

    Args:
        framed: Name of the frame -> predictions.
        threshold: As in `ModelMetadata`: a prediction is `unsure` up to this probability.

    Returns:
        Name of the frame -> accuracy and macro_f1, and coverage, the share of images that get a
        prediction; all 0 to 1.
    """
    return {
        name: _figures(predictions)
        | {"coverage": float(agreement.is_sure(predictions, threshold).mean())}
        for name, predictions in framed.items()
    }


def _figures(predictions: Predictions) -> dict[str, float]:
    scores = predictions.score()
    return {name: scores[name] for name in FIGURES}


def summary(scores: Mapping[str, Any]) -> str:
    """Returns one line for a person: clean and mean accuracy, and the worst kind of corruption."""
    kinds = scores["kinds"]
    worst = min(kinds, key=lambda kind: kinds[kind]["mean_accuracy"])
    return (
        f"robustness: mean accuracy {scores['mean_accuracy']:.1%} over {len(kinds)} kinds of "
        f"corruption, {scores['clean']['accuracy']:.1%} without; worst {worst} with "
        f"{kinds[worst]['mean_accuracy']:.1%}, {scores['examples']} images"
    )


def frames_summary(frames: Mapping[str, Mapping[str, float]]) -> str:
    """Returns one line for a person: the accuracy in each frame."""
    return "frames: accuracy " + ", ".join(
        f"{found['accuracy']:.1%} in {name}" for name, found in frames.items()
    )
