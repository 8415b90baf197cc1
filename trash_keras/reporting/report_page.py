"""The report page: one HTML file with figures, images and numbers inside."""

import os
import shlex
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.data import image_listing
from trash_keras.metrics import report_file, saliency
from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import (
    by_source,
    html,
    identity,
    ood_text,
    page_figures,
    page_images,
    saliency_overlays,
)
from trash_keras.reporting.charts import Chart, Section
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots.base import phase_title
from trash_keras.reporting.text import confidence_paragraphs
from trash_keras.reporting.verdict import caveats, comparison_bars, is_synthetic, verdict_sentences

BAD_FILES_SHOWN = 200
SLICE_ROWS = 1000
# Facts of the run that stand elsewhere on the page.
SHOWN_ELSEWHERE = ("command", "data_set", "data_source", "model", "best_epoch", "best_phase",
                   "training_minutes")  # fmt: skip
# Read with the module: a training of hours must not meet a newer template at its end.
TEMPLATE, *_SCRIPTS = (
    Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")
    for name in ("report.html.j2", "report.js", "enlarge.js", "label_list.js")
)
SCRIPT = "".join([*_SCRIPTS, html.FIND])


def write_page(
    path: str | os.PathLike,
    report: Mapping[str, Any],
    content: ReportContent,
    charts: Mapping[str, Chart],
    model_files: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes a self-contained page of less than 5 MB, complete or not at all.

    Verdict, classes and top errors are those of the test split, or of the last split in the
    report. Without script the page shows the same; its script only saves some scrolling.

    Args:
        path: HTML file to write.
        report: From `report.build`.
        content: Predictions for the split that is shown, and what is shown beside them.
        charts: From `page_charts`; each is shown in its section.
        model_files: From `report.list_model_files`.

    Raises:
        ValueError: The report has no split.
        OSError: The page cannot be written.
    """
    shown = report_file.main_split(report)
    predictions, counts = content.predictions[shown], content.counts
    images = page_images.collect(report, shown, content)
    html.write(
        path,
        TEMPLATE,
        script=SCRIPT,
        script_hash=html.content_hash(SCRIPT),
        **_scores(report, shown, predictions),
        figures=_by_section(charts),
        class_names=predictions.class_names,
        identity=identity.line(report, counts, Path(path).resolve().parent.name),
        **images,
        grid={(cell["row"], cell["column"]): cell for cell in images["cells"]},
        as_matrix=len(predictions.class_names) <= MATRIX_CLASSES,
        legend=saliency_overlays.legend_stops(),
        faithfulness=saliency.paragraphs(report["explanations"])
        if "explanations" in report
        else (),
        balance=html.balance_rows(counts, predictions.class_names),
        counts=counts,
        bad_files=report.get("bad_files") or (),
        passed_over=image_listing.sentence(report.get("passed_over") or {}),
        bad_files_shown=BAD_FILES_SHOWN,
        model_files=model_files,
        robustness=report.get("robustness"),
        label_map=report.get("label_map"),
        **_origin(report.get("run") or {}, report.get("config") or {}),
    )


def _scores(report: Mapping[str, Any], shown: str, predictions: Predictions) -> dict[str, Any]:
    """Returns the numbers for the template, and what to make of them."""
    probabilities = predictions.probabilities
    return {
        "splits": {name: report[name] for name in report_file.SPLIT_TITLES if name in report},
        "shown": shown,
        "split_title": report_file.SPLIT_TITLES[shown],
        "scores": report[shown],
        "sources": by_source.table(report.get("sources", {}).get(shown, {})),
        "slices": _slices(report.get("subsets", {}).get(shown, {})),
        "wrong": int((probabilities.argmax(axis=1) != predictions.labels).sum()),
        "synthetic": is_synthetic(report),
        "bars": comparison_bars(report),
        "verdict": verdict_sentences(report),
        "caveats": caveats(report),
        "confidence": confidence_paragraphs(report, float(probabilities.max(axis=1).mean())),
        "calibrated": bool(report.get("answering")),
        "ood": _ood(report.get("out_of_scope")),
    }


def _slices(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the rows of the table of slices; of too many those whose recall is surely low."""
    rows = [(slice_name, name, row) for slice_name in found
            for name, row in found[slice_name].items()]  # fmt: skip
    listed = rows
    if len(rows) > SLICE_ROWS:
        listed = sorted(rows, key=lambda each: each[2]["interval"][1])[:SLICE_ROWS]
    return {"rows": listed, "all": len(rows)}


def _ood(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns text and tables of out-of-distribution detection, if it was measured."""
    if not found:
        return None
    folders = ood_text.folder_rows(found)
    return {
        "paragraphs": ood_text.paragraphs(found),
        "rows": ood_text.rows(found),
        "folders": folders,
    }


def _origin(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns for the template what made the model."""
    return {
        "source": run.get("data_source"),
        "training": _training(run, config),
        "command": _command_lines(run.get("command") or ""),
        "revision": _clean_revision(run),
        "config": config,
        "run": html.ordered(_run_facts(run, config)),
    }


def _by_section(charts: Mapping[str, Chart]) -> dict[str, list[dict[str, Any]]]:
    """Returns the figures of each section of the page, so that none is left out."""
    sections: dict[str, list[dict[str, Any]]] = {name: [] for name in typing.get_args(Section)}
    for chart in charts.values():
        drawn = page_figures.embed(chart.figure, chart.title, chart.alternative)
        sections[chart.section].append(drawn)
    return sections


def _command_lines(command: str) -> str:
    """Returns a command that a shell reads as before, with each flag on a line of its own."""
    try:
        words = [shlex.quote(word) for word in shlex.split(command)]
    except ValueError:  # a quote that is never closed
        return command
    return " ".join(f"\\\n    {word}" if word.strip("'")[:2] == "--" else word for word in words)


def _clean_revision(run: Mapping[str, Any]) -> str:
    """Returns the revision to check out; empty if the code was not committed as it is."""
    revision = str(run.get("git_revision") or "")
    return "" if revision.endswith("-dirty") else revision


def _training(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings and results of the training, by title; epochs count from 1 here."""
    facts = {}
    for section, name in (("model", "backbone"), ("model", "weights"), ("data", "image_size"),
                          ("data", "split_method"), ("runtime", "seed")):  # fmt: skip
        settings = config.get(section)
        if isinstance(settings, Mapping) and name in settings:
            facts[name.replace("_", " ")] = settings[name]
    if "backbone" in facts:
        facts["backbone"] = report_file.backbone(config["model"])
    if (config.get("model") or {}).get("init"):
        del facts["weights"]  # they come with the backbone
    if "best_epoch" in run:
        facts["best epoch"] = f"{run['best_epoch'] + 1}, by validation"
        facts["phase"] = phase_title(run["best_phase"])
    if "training_minutes" in run:
        facts["training minutes"] = run["training_minutes"]
    return facts


def _run_facts(run: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a run that the page lists, its seed first."""
    runtime = config.get("runtime")
    seed = {"seed": runtime["seed"]} if isinstance(runtime, Mapping) and "seed" in runtime else {}
    return seed | {name: value for name, value in run.items() if name not in SHOWN_ELSEWHERE}
