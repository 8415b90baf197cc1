"""The figures of a report, each with a text for those who cannot see it.

A new figure of the page is one more entry of `page_charts`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from trash_keras.metrics import calibration, report_file, saliency
from trash_keras.metrics.classification import MATRIX_CLASSES, TARGET_RISK
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.reliability import reliability_curve
from trash_keras.reporting.plots import base, class_figures, confidence, robustness, saliency_maps

if TYPE_CHECKING:  # Matplotlib is imported by `plots`, whatever MPLBACKEND says
    from matplotlib.figure import Figure

Section = Literal["training", "confidence", "ood", "robustness", "saliency", "more"]


@dataclasses.dataclass(frozen=True, eq=False)
class Chart:
    """A figure.

    Attributes:
        title: A few words.
        alternative: What the figure shows, as text.
        figure: The drawing.
        section: Where the page shows it; "more" is a section of its own at the end.
    """

    title: str
    alternative: str
    figure: Figure
    section: Section = "more"


def page_charts(
    report: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    epochs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Chart]:
    """Draws the figures of the page, in the order of each section.

    Args:
        report: From `report.build`.
        predictions: Split -> what the model predicted.
        epochs: Rows of metrics.csv; empty leaves the learning curves out.

    Returns:
        Name of the file -> figure.
    """
    shown = report_file.main_split(report)
    drawn = {"learning_curves": _learning_curves(epochs)} if epochs else {}
    settings = report.get("answering")
    drawn["reliability"] = _reliability(report[shown], predictions[shown], settings)
    drawn["risk_coverage"] = _risk_coverage(report[shown], predictions[shown], settings)
    if "robustness" in report:
        drawn["robustness"] = _robustness(report["robustness"])
    if "out_of_scope" in report:
        drawn["ood"] = _ood(report["out_of_scope"])
    if "explanations" in report:
        drawn["saliency"] = _saliency(report["explanations"])
    return drawn


def table_charts(
    report: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    counts: Mapping[str, Mapping[str, int]],
) -> dict[str, Chart]:
    """Draws the figures whose numbers the page has as tables.

    Args:
        report: As for `page_charts`.
        predictions: As for `page_charts`.
        counts: Split -> class name -> images.

    Returns:
        Name of the file -> figure.
    """
    drawn = {}
    for split in predictions:
        if split == "train" and len(predictions) > 1:
            continue  # confusions matter on images that were not trained on
        drawn[f"confusion_matrix_{split}"] = _confusion_matrix(report, split)
    drawn["class_balance"] = Chart(
        "Class balance", "Images of each class in each split.", class_figures.class_balance(counts)
    )
    return drawn


def _learning_curves(epochs: Sequence[Mapping[str, Any]]) -> Chart:
    best = max(epochs, key=lambda row: float(row["val_accuracy"]))
    return Chart(
        "Learning curves",
        f"Accuracy and loss over {len(epochs)} epochs. Validation accuracy is best after epoch "
        f"{int(best['epoch']) + 1} with {float(best['val_accuracy']):.1%}, training accuracy ends "
        f"at {float(epochs[-1]['accuracy']):.1%}.",
        base.learning_curves(epochs),
        "training",
    )


def _confusion_matrix(report: Mapping[str, Any], split: str) -> Chart:
    matrix, names = report[split]["confusion_matrix"], report["class_names"]
    title = "Confusion matrix" if len(names) <= MATRIX_CLASSES else "Most frequent confusions"
    return Chart(
        f"{title}, {split} split",
        f"True classes against predictions for {report[split]['examples']} images.",
        class_figures.confusion_matrix(matrix, names),
    )


def _reliability(
    scores: Mapping[str, Any], found: Predictions, settings: Mapping[str, Any] | None
) -> Chart:
    curve, before, words = reliability_curve(found.labels, found.probabilities), None, ""
    if settings and settings["temperature"] != 1:
        plain = calibration.apply_temperature(found.probabilities, 1 / settings["temperature"])
        before = reliability_curve(found.labels, plain)
        words = f", before calibration {scores['ece_uncalibrated']:.3f}"
    return Chart(
        "Reliability diagram",
        f"Accuracy over confidence in {len(curve.count)} bins of {curve.count.min()} images or one "
        f"more, with 95% Wilson intervals; the expected calibration error is {scores['ece']:.3f}"
        f"{words} ({calibration.BINS} bins of equal width). Below, how many images have which "
        "confidence.",
        confidence.reliability_diagram(
            curve, calibration.reliability(found.labels, found.probabilities), before
        ),
        "confidence",
    )


def _risk_coverage(
    scores: Mapping[str, Any], found: Predictions, settings: Mapping[str, Any] | None
) -> Chart:
    curve, chosen, words = calibration.risk_coverage(found.labels, found.probabilities), None, ""
    if settings and scores["abstention"]["coverage"]:
        chosen = scores["abstention"]
        words = (
            f" At the model's own threshold of {chosen['threshold']:.3f} {chosen['coverage']:.1%} "
            f"get one, of which {chosen['error']:.1%} are wrong."
        )
    return Chart(
        "Risk over coverage",
        f"Share of wrong predictions among the most confident images. With a prediction for every "
        f"image {curve.risk[-1]:.1%} are wrong. With at most {TARGET_RISK:.0%} wrong "
        f"{scores['coverage_at_2_percent_error']:.1%} get one." + words,
        confidence.risk_coverage(curve, TARGET_RISK, chosen),
        "confidence",
    )


def _ood(found: Mapping[str, Any]) -> Chart:
    names = " and ".join(confidence.OOD_TITLES[name] for name in found["histograms"])
    areas = (
        f"{confidence.OOD_TITLES[name]} {found['scores'][name]['auroc']:.3f}"
        for name in found["histograms"]
    )
    return Chart(
        names[0].upper() + names[1:],
        f"Distribution of {names} for the scored split and for out-of-distribution images, "
        f"{found['unsure']:.1%} of which are unsure. "
        f"AUROC: {', '.join(areas)}.",
        confidence.ood_histograms(found),
        "ood",
    )


def _saliency(found: Mapping[str, Any]) -> Chart:
    areas = (f"{test} {found[test]['auc']['grad_cam']:.3f}" for test in saliency.TESTS)
    return Chart(
        "Deletion and insertion",
        "Probability of the prediction over the share of pixels that are blurred, and that are "
        f"given back, in the order of three maps. Area for Grad-CAM: {', '.join(areas)}.",
        saliency_maps.faithfulness_curves(found),
        "saliency",
    )


def _robustness(scores: Mapping[str, Any]) -> Chart:
    means = ", ".join(
        f"{name} {found['mean_accuracy']:.1%}" for name, found in scores["kinds"].items()
    )
    return Chart(
        "Accuracy over severity",
        f"Accuracy on {scores['examples']} images is {scores['clean']['accuracy']:.1%}; the mean "
        f"over the severities of each corruption: {means}.",
        robustness.small_multiples(scores),
        "robustness",
    )
