"""The images of the report page: those behind the cells of the matrix, and the errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.metrics import classification
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.report_file import SPLIT_TITLES
from trash_keras.reporting import confusion_cells, html, saliency_overlays
from trash_keras.reporting.content import ReportContent
from trash_keras.storage.names import is_plain

TOP_ERRORS_SHOWN = 24
ERRORS_LISTED = 240  # with those behind "Show all"
REASONS_SHOWN = 3  # to doubt one label
THUMBNAIL_SIDE = 320  # pixels, the longer side
# Together with the text and the figures they stay under 5 MB.
THUMBNAIL_BYTES = 3_400_000

Rows = list[dict[str, Any]]


def collect(report: Mapping[str, Any], shown: str, content: ReportContent) -> dict[str, Any]:
    """Returns the images for the template, as many as the page holds.

    Args:
        report: From `report.build`; its `label_issues` mark images.
        shown: Split.
        content: Predictions, images and heat maps.

    Returns:
        `cells` of the confusion matrix with their images, the top `errors` with thumbnails and
        heat maps, and `more_errors` with thumbnails alone. Each image has its `doubts` in words,
        and `label` and `prediction` where its file can be named in a list.
    """
    predictions, read = content.predictions[shown], content.read_images
    listed = _errors(report[shown].get("mistakes") or (), predictions)
    errors = saliency_overlays.saliency_overlays(
        listed[:TOP_ERRORS_SHOWN], content.heat_maps, read, THUMBNAIL_SIDE
    )
    drawn = sum(len(error["overlay"] or "") for error in errors)
    thumbnails = html.Thumbnails(read, THUMBNAIL_BYTES - drawn, THUMBNAIL_SIDE)
    thumbnails.make([error["file"] for error in errors])
    errors = [{**error, "image": thumbnails.use(error["file"])[1]} for error in errors]
    cells = _cells(predictions, thumbnails)
    more = _that_fit(listed[TOP_ERRORS_SHOWN:], thumbnails)
    issues = report.get("label_issues") or {}
    for row in [*errors, *more, *(image for cell in cells for image in cell["images"])]:
        row["doubts"] = [doubt(reason) for reason in issues.get(row["file"], ())[:REASONS_SHOWN]]
        row["can_be_listed"] = is_plain(row["file"])
    return {"cells": cells, "errors": errors, "more_errors": more}


def doubt(reason: Mapping[str, Any]) -> str:
    """Returns in words why a label is in doubt.

    Args:
        reason: From `known_label_issues.find`.
    """
    if reason["kind"] == "predicted":
        return f"The audit finds “{reason['class']}”, {reason['probability']:.0%}."
    relation = "Byte for byte" if reason["kind"] == "equal" else "Looks like"
    title = SPLIT_TITLES[reason["split"]]
    return f"{relation} {reason['file']}, a {title} image of “{reason['class']}”."


def _errors(mistakes: Sequence[Mapping[str, Any]], predictions: Predictions) -> Rows:
    """Returns the top errors of the report, and after them the other wrong predictions."""
    top = {error["file"]: dict(error) for error in mistakes}
    others = classification.top_errors(
        predictions.labels, predictions.probabilities, predictions.class_names, predictions.paths,
        ERRORS_LISTED,
    )  # fmt: skip
    return [*top.values(), *(error for error in others if error["file"] not in top)][:ERRORS_LISTED]


def _that_fit(errors: Sequence[dict[str, Any]], thumbnails: html.Thumbnails) -> Rows:
    thumbnails.make([error["file"] for error in errors])
    rows = []
    for error in errors:
        fits, image = thumbnails.use(error["file"])
        if fits:
            rows.append({**error, "image": image, "overlay": None})
    return rows


def _cells(predictions: Predictions, thumbnails: html.Thumbnails) -> Rows:
    """Returns the cells for the template; each keeps its first images if not all fit."""
    cells = confusion_cells.cells(predictions)
    order = confusion_cells.round_robin(
        {(cell.truth, cell.prediction): cell.shown for cell in cells}
    )
    thumbnails.make([predictions.paths[index] for index in order])
    names, confidence = predictions.class_names, predictions.probabilities.max(axis=1)
    made = {}
    for index in order:
        fits, image = thumbnails.use(predictions.paths[index])
        if fits:
            made[index] = {"file": predictions.paths[index], "image": image, "overlay": None,
                           "probability": float(confidence[index])}  # fmt: skip
    return [
        {
            "row": cell.truth,
            "column": cell.prediction,
            "count": cell.count,
            "share": cell.share,
            "truth": names[cell.truth],
            "prediction": names[cell.prediction],
            "images": [
                {**made[index], "truth": names[cell.truth], "prediction": names[cell.prediction]}
                for index in cell.shown
                if index in made
            ],
        }
        for cell in cells
    ]
