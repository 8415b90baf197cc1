"""Report and predictions -> the figures of a report, with words for those who don't see them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from trash_keras.metrics import calibration, report_file, saliency
from trash_keras.metrics.classification import MAX_ERROR
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots import base, confidence, robustness, saliency_maps


@dataclasses.dataclass(frozen=True, eq=False)
class Chart:
    """A figure.

    Attributes:
        title: A few words.
        alternative: What the figure shows, as text.
        figure: The drawing.
    """

    title: str
    alternative: str
    figure: Figure


def page_charts(
    report: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    epochs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Chart]:
    """Draws the figures that the page shows; those of `table_charts` it has as tables.

    Args:
        report: `class_names`, a section of `report.score` for each split, and optionally
            `answering` of the model's metadata, `explanations` of
            `saliency.measure`, `out_of_scope` of `scoping.measure`, and `robustness`.
        predictions: Split -> what the model predicted.
        epochs: Rows of metrics.csv; empty leaves the learning curves out.

    Returns:
        Name for a file -> figure.
    """
    shown = report_file.main_split(report)
    drawn = {"learning_curves": _learning_curves(epochs)} if epochs else {}
    how = report.get("answering")
    drawn["reliability"] = _reliability(report[shown], predictions[shown], how)
    drawn["risk_coverage"] = _risk_coverage(report[shown], predictions[shown], how)
    if "robustness" in report:
        drawn["robustness"] = _robustness(report["robustness"])
    if "out_of_scope" in report:
        drawn["out_of_scope"] = _out_of_scope(report["out_of_scope"])
    if "explanations" in report:
        drawn["explanations"] = _explanations(report["explanations"])
    return drawn


def table_charts(
    report: Mapping[str, Any],
    predictions: Mapping[str, Predictions],
    counts: Mapping[str, Mapping[str, int]],
) -> dict[str, Chart]:
    """Draws the figures whose numbers stand in the tables of the page.

    Args:
        report: As for `page_charts`.
        predictions: As for `page_charts`.
        counts: Split -> class name -> images.

    Returns:
        Name for a file -> figure.
    """
    drawn = {}
    for split in predictions:
        if split == "train" and len(predictions) > 1:
            continue  # the confusions that matter are those on images that were not learned
        drawn[f"confusion_matrix_{split}"] = _confusion_matrix(report, split)
    drawn["class_balance"] = Chart(
        "Class balance", "Images of each class in each split.", base.class_balance(counts)
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
    )


def _confusion_matrix(report: Mapping[str, Any], split: str) -> Chart:
    matrix = report[split]["confusion_matrix"]
    return Chart(
        f"Confusion matrix, {split} split",
        f"True classes against predictions for {report[split]['examples']} images.",
        base.confusion_matrix(matrix, report["class_names"]),
    )


def _reliability(
    scores: Mapping[str, Any], found: Predictions, how: Mapping[str, Any] | None
) -> Chart:
    bins, before, words = calibration.reliability(found.labels, found.probabilities), None, ""
    if how and how["temperature"] != 1:
        plain = calibration.apply_temperature(found.probabilities, 1 / how["temperature"])
        before = calibration.reliability(found.labels, plain)
        words = f", before calibration {scores['ece_uncalibrated']:.3f}"
    return Chart(
        "Reliability",
        f"Accuracy over confidence in {calibration.BINS} bins; the expected calibration error is "
        f"{scores['ece']:.3f}{words}. Below, how many images have which confidence.",
        confidence.reliability_diagram(bins, before),
    )


def _risk_coverage(
    scores: Mapping[str, Any], found: Predictions, how: Mapping[str, Any] | None
) -> Chart:
    curve, chosen, words = calibration.risk_coverage(found.labels, found.probabilities), None, ""
    if how and scores["abstention"]["coverage"]:
        chosen = scores["abstention"]
        words = (
            f" At the model's own threshold of {chosen['threshold']:.3f} {chosen['coverage']:.1%} "
            f"get one, {chosen['error']:.1%} of these wrong."
        )
    return Chart(
        "Risk over coverage",
        f"Wrong predictions among the surest images. All get a prediction: {curve.risk[-1]:.1%} wrong; "
        f"at most {MAX_ERROR:.0%} wrong: {scores['coverage_at_2_percent_error']:.1%} get one."
        + words,
        confidence.risk_coverage(curve, MAX_ERROR, chosen),
    )


def _out_of_scope(found: Mapping[str, Any]) -> Chart:
    names = " and ".join(found["histograms"])
    areas = (f"{name} {found['scores'][name]['auroc']:.3f}" for name in found["histograms"])
    return Chart(
        names.capitalize(),
        f"How {names} lie for the scored split and for {found['pictures']} other images, "
        f"{found['unsure']:.1%} of which are unsure. AUROC: {', '.join(areas)}.",
        confidence.out_of_scope(found),
    )


def _explanations(found: Mapping[str, Any]) -> Chart:
    areas = (f"{test} {found[test]['auc']['grad_cam']:.3f}" for test in saliency.TESTS)
    return Chart(
        "Deletion and insertion",
        "Probability of the prediction over the share of blurred pixels, and of pixels given back, in "
        f"the order of three maps. Area for Grad-CAM: {', '.join(areas)}.",
        saliency_maps.explanation_curves(found),
    )


def _robustness(scores: Mapping[str, Any]) -> Chart:
    means = ", ".join(
        f"{kind} {found['mean_accuracy']:.1%}" for kind, found in scores["kinds"].items()
    )
    return Chart(
        "Accuracy over severity",
        f"Accuracy on {scores['examples']} images is {scores['clean']['accuracy']:.1%}; the mean "
        f"over the severities of each kind of change: {means}.",
        robustness.small_multiples(scores),
    )
