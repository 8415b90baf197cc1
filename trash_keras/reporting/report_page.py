"""Report -> one HTML file with everything inside, for people who'd rather look than read."""

import base64
import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.metrics import ood, report_file, saliency
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import confusion_cells, html, saliency_overlays
from trash_keras.reporting.charts import Chart
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots import svg
from trash_keras.reporting.plots.base import phase_title
from trash_keras.reporting.text import (
    comparison,
    confidence_paragraphs,
    is_stand_in,
    verdict_paragraphs,
)

MISTAKES_SHOWN = 24
BAD_FILES_SHOWN = 200
# Together with the text and the other figures they stay under 5 MB.
THUMBNAIL_BYTES = 3_400_000
FIGURE_BYTES = 300_000
# What the run tells elsewhere on the page.
TOLD_APART = ("command", "data_source", "best_epoch", "best_phase", "training_minutes")
# Read with the module: a training of hours must not meet a newer template at its end.
TEMPLATE, SCRIPT = (
    Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")
    for name in ("report.html.j2", "report.js")
)


def write_page(
    path: str | os.PathLike,
    report: Mapping[str, Any],
    content: ReportContent,
    charts: Mapping[str, Chart],
    artifacts: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes a self-contained page of less than 5 MB, complete or not at all.

    The verdict, the table of classes and the mistakes are those of the test split, or of the last
    split that there is. Without script the page shows the same; its script only saves the reader
    some scrolling.

    Args:
        path: HTML file to write.
        report: `class_names`, a section of `report.score` for at least one of the splits train,
            valid, test and all, and optionally `bad_files`, `label_map`, `robustness`, `config`
            (section -> setting -> value), `run` (name -> value), `explanations`
            (`saliency.measure`) and `out_of_scope` (`scoping.measure`).
        content: Predictions for the split that is shown, and what is shown beside them.
        charts: From `drawing.page_charts`.
        artifacts: From `artifacts.listed`.

    Raises:
        ValueError: The report has no split.
        OSError: The page cannot be written.
    """
    shown = report_file.main_split(report)
    predictions, counts = content.predictions[shown], content.counts
    listed = list(report[shown].get("mistakes") or ())[:MISTAKES_SHOWN]
    mistakes = saliency_overlays.saliency_overlays(listed, content.heat_maps, content.read_images)
    cells, mistakes = _images(mistakes, predictions, content.read_images)
    html.write(
        path,
        TEMPLATE,
        script=SCRIPT,
        script_hash=_content_hash(SCRIPT),
        **_judgement(report, shown, predictions),
        figures={name: _figure(chart) for name, chart in charts.items()},
        class_names=predictions.class_names,
        cells=cells,
        grid={(cell["row"], cell["column"]): cell for cell in cells},
        as_matrix=len(predictions.class_names) <= confusion_cells.MATRIX_CLASSES,
        mistakes=mistakes,
        legend=saliency_overlays.legend_stops(),
        trust=saliency.paragraphs(report["explanations"]) if "explanations" in report else (),
        balance=html.balance_rows(counts, predictions.class_names),
        counts=counts,
        bad_files=report.get("bad_files") or (),
        bad_files_shown=BAD_FILES_SHOWN,
        artifacts=artifacts,
        robustness=report.get("robustness"),
        label_map=report.get("label_map"),
        **_origin(report.get("run") or {}, report.get("config") or {}),
    )


def _judgement(report: Mapping[str, Any], shown: str, predictions: Predictions) -> dict[str, Any]:
    """Returns the figures, and what to make of them."""
    probabilities = predictions.probabilities
    return {
        "splits": {name: report[name] for name in report_file.SPLIT_TITLES if name in report},
        "shown": shown,
        "kind": report_file.SPLIT_TITLES[shown],
        "scores": report[shown],
        "subsets": report.get("subsets", {}).get(shown, {}),
        "mistaken": int((probabilities.argmax(axis=1) != predictions.labels).sum()),
        "stand_in": is_stand_in(report),
        "bars": comparison(report),
        "verdict": verdict_paragraphs(report),
        "confidence": confidence_paragraphs(report, float(probabilities.max(axis=1).mean())),
        "answering": report.get("answering"),
        "others": _others(report.get("out_of_scope")),
    }


def _others(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns words and table of the images of anything else, where they were measured."""
    if not found:
        return None
    return {"words": ood.paragraphs(found), "rows": ood.rows(found)}


def _origin(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what made the model."""
    return {
        "source": run.get("data_source"),
        "training": _training(run, config),
        "command": _command_lines(run.get("command") or ""),
        "revision": _clean_revision(run),
        "config": config,
        "run": html.ordered(_told(run, config)),
    }


def _content_hash(text: str) -> str:
    """Returns what a content security policy calls a script by: no other one may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _images(
    mistakes: list[dict[str, Any]],
    predictions: Predictions,
    read_images: ReadImages,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns cells and mistakes for the template, with as many thumbnails as the page holds."""
    cells = confusion_cells.cells(predictions)
    wanted = {(cell.truth, cell.prediction): cell.shown for cell in cells}
    order = confusion_cells.in_turns(wanted)
    drawn = sum(len(found["overlay"] or "") for found in mistakes)
    thumbnails = html.Thumbnails(read_images, THUMBNAIL_BYTES - drawn)
    files = [mistake["file"] for mistake in mistakes]
    thumbnails.make([*files, *(predictions.paths[index] for index in order)])
    mistakes = [{**found, "image": thumbnails.use(found["file"])[1]} for found in mistakes]
    confidence = predictions.probabilities.max(axis=1)
    made = {}
    for index in order:
        fits, source = thumbnails.use(predictions.paths[index])
        if fits:
            made[index] = {
                "file": predictions.paths[index],
                "image": source,
                "probability": float(confidence[index]),
            }
    names = predictions.class_names
    filled = [
        {
            "truth": names[cell.truth],
            "prediction": names[cell.prediction],
            "row": cell.truth,
            "column": cell.prediction,
            "count": cell.count,
            "share": cell.share,
            "images": [made[index] for index in cell.shown if index in made],
        }
        for cell in cells
    ]
    return filled, mistakes


def _figure(chart: Chart) -> dict[str, Any]:
    """Returns a figure for the template: vectors, or pixels where vectors would be too many."""
    inches = tuple(chart.figure.get_size_inches())
    text = svg.draw(chart.figure)
    width, height = (
        float(value)
        for value in re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups()  # type: ignore[union-attr]
    )
    vectors = len(text) <= FIGURE_BYTES
    drawn = (text.encode(), "svg+xml") if vectors else (svg.pixels(chart.figure), "png")
    chart.figure.set_size_inches(inches)  # as before, for its own file
    return {
        "title": chart.title,
        "alternative": chart.alternative,
        "source": html.data_uri(*drawn),
        "vectors": vectors,
        "width": round(width),
        "height": round(height),
    }


def _command_lines(command: str) -> str:
    """Returns a command that a shell reads as before, with each flag on a line of its own."""
    try:
        words = [shlex.quote(word) for word in shlex.split(command)]
    except ValueError:  # a quote that is never closed
        return command
    return " ".join(f"\\\n    {word}" if word.strip("'")[:2] == "--" else word for word in words)


def _clean_revision(run: Mapping[str, Any]) -> str:
    """Returns the revision to check out, or nothing where there is none that is the code."""
    revision = str(run.get("git_revision") or "")
    return "" if revision.endswith("-dirty") else revision


def _training(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how the model came about, in words; epochs are counted from 1, as in the figure."""
    words = {}
    for section, name in (("model", "backbone"), ("model", "weights"), ("data", "image_size"),
                          ("data", "split_method"), ("runtime", "seed")):  # fmt: skip
        settings = config.get(section)
        if isinstance(settings, Mapping) and name in settings:
            words[name.replace("_", " ")] = settings[name]
    if "backbone" in words:
        words["backbone"] = report_file.backbone(config["model"])
    if (config.get("model") or {}).get("init"):
        del words["weights"]  # they come with the backbone
    if "best_epoch" in run:
        words["best epoch"] = f"{run['best_epoch'] + 1}, by validation"
        words["phase"] = phase_title(run["best_phase"])
    if "training_minutes" in run:
        words["training minutes"] = run["training_minutes"]
    return words


def _told(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a run tells about itself in a list, its seed first."""
    runtime = config.get("runtime")
    seed = {"seed": runtime["seed"]} if isinstance(runtime, Mapping) and "seed" in runtime else {}
    return seed | {name: value for name, value in run.items() if name not in TOLD_APART}
