"""The report of a run: report.json, page, figures, predictions and model card in its folder."""

import csv
import dataclasses
import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trash_keras.data.catalog import Catalog
from trash_keras.data.decoding import ReadImages
from trash_keras.data.places import addresses
from trash_keras.data.sources import install
from trash_keras.metadata import TRIED_KERAS
from trash_keras.metrics import slices
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.report_file import (
    SPLIT_TITLES,
    main_split,
    read_export,
    read_report,
    threads_title,
)
from trash_keras.reporting import identity, model_card, report_page
from trash_keras.reporting.charts import Chart, page_charts, table_charts
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots import base, saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.storage import checksums, local

TOP_ERRORS_SHEET = "top_errors.jpg"  # in the folder of figures


def list_model_files(workdir: Path, report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the model files that stand in the folder of a run.

    Args:
        workdir: Folder of a run; `export/export.json` is read where it stands.
        report: Content of `report.json`.

    Returns:
        For each file `format`, `path` (relative to the folder), `bytes`, and as far as they are
        known `accuracy` (0 to 1), `agreement` (share of images with the class that Keras
        predicts), `max_difference` (of a probability, from Keras), `latency` (text) and `tried`
        (versions of runtimes, text); else None.

    Raises:
        ValueError: export.json is damaged.
    """
    rows = []
    trained = workdir / "model.keras"
    if trained.is_file():
        accuracy = report[main_split(report)]["accuracy"]
        facts = {"path": trained.name, "bytes": trained.stat().st_size, "accuracy": accuracy}
        facts["tried"] = TRIED_KERAS
        rows.append(_row("keras", facts))
    try:
        rows += [
            _row(name, {**facts, "path": f"export/{facts['path']}"})
            for name, facts in read_export(workdir).get("kinds", {}).items()
        ]
    except KeyError as error:
        raise ValueError(f"{workdir}/export/export.json is damaged: no {error}.") from error
    return rows


def _row(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": name,
        "path": facts["path"],
        "bytes": int(facts["bytes"]),
        "accuracy": facts.get("accuracy"),
        "agreement": facts.get("agreement"),
        "max_difference": facts.get("max_difference"),
        "latency": latency(facts),
        "tried": facts.get("tried"),
    }


def latency(facts: Mapping[str, Any]) -> str | None:
    """Returns the median latencies of a format in `export.json` as text; None without any."""
    timed = facts.get("latency") or {}
    parts = [
        f"{figures['p50_ms']:.1f} ms ({threads_title(name)})" for name, figures in timed.items()
    ]
    return ", ".join(parts) or None


def write(
    output: str | os.PathLike,
    content: ReportContent,
    details: Mapping[str, Any],
    slice_of: Mapping[str, str] | None = None,
    source_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes a report; `report.json` comes last, so that it stands only when all is there.

    Args:
        output: Folder; made when missing. Gets report.json, report.html, figures/ (PNG,
            PDF and SVG), predictions/SPLIT.csv and, when `details` has a `config`, MODEL_CARD.md.
        content: What is scored and shown.
        details: What else belongs in the report: `bad_files`, `passed_over` (from
            `image_listing.summary`), `config`, `run`, `label_map`, `explanations`
            (`saliency.measure`), `robustness` (`robustness.score`), `out_of_scope`
            (`ood.measure`) and `answering` (`ModelMetadata.inference_settings`).
        slice_of: From `slices.load`; slices are scored apart in the section `subsets`.
        source_of: From `Catalog.source_of`; sources are scored apart in the section `sources`.

    Returns:
        The content of `report.json`.
    """
    output = Path(output)
    report = build(content.predictions, details, slice_of, source_of)
    for split, found in content.predictions.items():
        found.save(output / "predictions" / f"{split}.csv")
    _write_heat_maps(output, report, content)
    # The page first: a figure's layout depends on how it was drawn before, and `rerender`, which
    # draws anew, has to write the same page.
    shown = page_charts(report, content.predictions, content.epochs)
    _render(output, report, content, shown)
    drawn = shown | table_charts(report, content.predictions, content.counts)
    for name, chart in drawn.items():
        base.save_formats(chart.figure, output / "figures" / name, chart.title)
    local.write_json(output / "report.json", report, checked=True)
    return report


def build(
    predictions: Mapping[str, Predictions],
    details: Mapping[str, Any],
    slice_of: Mapping[str, str] | None = None,
    source_of: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Returns the content of `report.json`, and writes nothing; arguments as for `write`."""
    report = {
        "class_names": list(next(iter(predictions.values())).class_names),
        **{split: found.score(details.get("answering")) for split, found in predictions.items()},
        **details,
    }
    if slice_of:
        report["subsets"] = {
            split: slices.slice_metrics(found, slice_of) for split, found in predictions.items()
        }
    if source_of:
        threshold = (details.get("answering") or {}).get("threshold", 0.0)
        report["sources"] = {
            split: slices.totals(found, source_of, threshold)
            for split, found in predictions.items()
        }
    return report


def _write_heat_maps(output: Path, report: Mapping[str, Any], content: ReportContent) -> None:
    """Writes predictions/heat_maps.json and the sheet of top errors, or removes earlier ones."""
    kept, sheet = output / "predictions" / saliency_maps.FILE, output / "figures" / TOP_ERRORS_SHEET
    for path in (kept, sheet):
        local.remove(path)
    if content.heat_maps and content.heat_maps.maps:
        content.heat_maps.save(kept)
        errors = report[main_split(report)]["mistakes"]
        drawn = saliency_maps.top_errors_sheet(errors, content.heat_maps, content.read_images)
        base.save(drawn, sheet)


def rerender(workdir: str | os.PathLike, read_images: ReadImages) -> None:
    """Writes page and model card of a run again, from what stands in its folder.

    For what came after the report, like exports. The scores stay as they are. A run that is not
    complete, without `report.json` or `predictions/`, is left alone.

    Args:
        workdir: Folder of a run: report.json, predictions/*.csv, catalog.json, and if they exist
            predictions/heat_maps.json, metrics.csv and export/export.json.
        read_images: Files -> their encoded bytes, for the thumbnails.

    Raises:
        ValueError: One of the files is damaged.
    """
    workdir = Path(workdir)
    if not (workdir / "report.json").exists() or not (workdir / "predictions").is_dir():
        return
    report = read_report(workdir)
    predictions = {
        split: Predictions.load(workdir / "predictions" / f"{split}.csv")
        for split in SPLIT_TITLES
        if split in report
    }
    for split, found in predictions.items():
        # A report of an earlier version lacks some figures.
        report[split] = found.score(report.get("answering")) | report[split]
    counts = Catalog.load(workdir / "catalog.json").counts()
    epochs = []
    if (workdir / "metrics.csv").exists():
        checksums.require(workdir / "metrics.csv")
        with (workdir / "metrics.csv").open(encoding="utf-8", newline="") as file:
            epochs = list(csv.DictReader(file))
    shown = page_charts(report, predictions, epochs)
    _render(workdir, report, ReportContent(predictions, counts, read_images, epochs), shown)


def _render(
    output: Path,
    report: Mapping[str, Any],
    content: ReportContent,
    charts: Mapping[str, Chart],
) -> None:
    """Writes the page, and for a training run its model card."""
    found = list_model_files(output, report)
    kept = output / "predictions" / saliency_maps.FILE
    # As they were saved, so that a page that is written again is the same.
    maps = HeatMaps.load(kept) if kept.exists() else None
    content = dataclasses.replace(content, heat_maps=maps)
    report_page.write_page(output / "report.html", report, content, charts, found)
    if "config" in report:
        model_card.write(output / "MODEL_CARD.md", report, content.counts, found)


def provenance(command: str, data_dir: str | os.PathLike = "") -> dict[str, Any]:
    """Returns what made a result: command, versions, machine, date, and which data.

    Args:
        command: The command line.
        data_dir: The images, of which `trash-keras prepare` may have noted the source. Empty
            leaves the source out.
    """
    packages = ("tensorflow", "keras", "trash-keras")
    return {
        "command": command,
        "python": platform.python_version(),
        **{name.replace("-", "_"): _version(name) for name in packages},
        "git_revision": _git_revision(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **(_data(data_dir) if data_dir else {}),
    }


def _data(data_dir: str | os.PathLike) -> dict[str, Any]:
    return {"data_set": identity.data_set(data_dir), "data_source": _data_source(data_dir)}


def _data_source(data_dir: str | os.PathLike) -> str | None:
    """Returns where the images came from; of several sources, those that are recorded."""
    found = [install.source(place) for place in addresses(data_dir).values()]
    return ", ".join(filter(None, found)) or None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    try:
        # In the .venv of another project, this file lies in that repository but is not part of it.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
