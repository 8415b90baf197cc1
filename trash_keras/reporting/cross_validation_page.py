"""The report of a cross-validation: page, figures, predictions and JSON."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.data import image_listing
from trash_keras.metrics import cross_validation, intervals
from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import by_source, confusion_cells, html, page_figures, verdict
from trash_keras.reporting.charts import Chart
from trash_keras.reporting.plots import base, class_figures
from trash_keras.storage import local

# Read with the module: a cross-validation of hours must not meet a newer template at its end.
TEMPLATE = (
    Path(__file__)
    .with_name("templates")
    .joinpath("cross_validation.html.j2")
    .read_text(encoding="utf-8")
)
LEAVE_ONE_OUT = "leave_one_source_out"
Table = list[list[str]]  # the first row is the heading


def write(
    report: Mapping[str, Any], predictions: Mapping[int, Predictions], output: str | os.PathLike
) -> None:
    """Writes page, figures and predictions, and last the report.

    Args:
        report: `cross_validation.score`, and `folds` (for each `seed`, `fold`, `accuracy`,
            `accuracy_interval`, `macro_f1`, `examples`, `predicted` and `wrong` as for `score`,
            `valid_accuracy`, `best_epoch` counted from 0 and `training_minutes`), `groups` and
            `grouped_images` (their numbers), `config`, `run`, `bad_files` and
            `passed_over`, from `image_listing.summary`.
        predictions: Seed -> predictions for every image, from `cross_validation.aggregate`.
        output: Folder of the cross-validation.

    Raises:
        OSError: A file cannot be written.
    """
    output = Path(output)
    for seed, found in predictions.items():
        found.save(cross_validation.predictions_file(output, seed))
    names = report["class_names"]
    as_matrix = len(names) <= MATRIX_CLASSES
    charts = _charts(report)
    # The page first: a figure's layout depends on how it was drawn before.
    embedded = {
        name: page_figures.embed(chart.figure, chart.title, chart.alternative)
        for name, chart in charts.items()
        if not (as_matrix and name == "confusion_matrix")  # the page has it as a table
    }
    for name, chart in charts.items():
        base.save_formats(chart.figure, output / "figures" / name, chart.title)
    html.write(
        output / cross_validation.PAGE,
        TEMPLATE,
        report=report,
        passed_over=image_listing.sentence(report.get("passed_over") or {}),
        synthetic=verdict.is_synthetic(report),
        sentences=sentences(report),
        seeds=_seeds_table(report),
        classes=_classes_table(report),
        sources=by_source.table(report.get("sources", {})),
        slices=_slices_table(report),
        folds=_folds_table(report),
        charts=embedded,
        grid=confusion_cells.grid(report["confusion_matrix"], names) if as_matrix else {},
        command=report["run"]["command"],
        run=html.ordered({k: v for k, v in report["run"].items() if k != "command"}),
    )
    local.write_json(output / cross_validation.REPORT, report, checked=True)


def _charts(report: Mapping[str, Any]) -> dict[str, Chart]:
    matrix, names = report["confusion_matrix"], report["class_names"]
    return {
        "accuracies": Chart(
            "Accuracy of each seed and fold",
            "Accuracy of each seed and fold with its 95% interval; the tables have the numbers",
            base.accuracies(_bars(report)),
        ),
        "confusion_matrix": Chart(
            "Confusion matrix" if len(names) <= MATRIX_CLASSES else "Most frequent confusions",
            "True classes against predictions; cross_validation.json has the numbers",
            class_figures.confusion_matrix(matrix, names),
        ),
    }


def summary(report: Mapping[str, Any]) -> str:
    """Returns one line for a person: accuracy, interval, deviation, macro-F1, images."""
    accuracy = report["accuracy"]
    low, high = accuracy["interval"]
    seeds = "one seed"
    if len(report["seeds"]) > 1:
        deviation = accuracy["standard_deviation"]
        seeds = f"{len(report['seeds'])} seeds, standard deviation {deviation:.4f}"
    return (
        f"accuracy {accuracy['mean']:.4f} (95% interval {low:.4f} to {high:.4f}; {seeds}), "
        f"macro-F1 {report['macro_f1']['mean']:.4f}, {report['images']} images"
    )


def sentences(report: Mapping[str, Any]) -> list[str]:
    """Returns what the figures rest on and what they leave out, a sentence or two each."""
    seeds, settings = len(report["seeds"]), report["config"]
    folds, method = settings["cross_validation"]["folds"], settings["data"]["split_method"]
    times = "once" if seeds == 1 else f"once for each of {seeds} seeds"
    others = f"other folds than its own, of {folds}"
    if method == LEAVE_ONE_OUT:
        others = f"the other sources than its own, of {len(report['sources'])}"
    found = [
        f"Each of the {report['images']} images was scored {times}, by a model that was trained on "
        f"{others}. Epoch, temperature and threshold were chosen on a part of those, never on what "
        "is scored."
    ]
    if method == LEAVE_ONE_OUT:
        found += _about_sources(report)
    elif method == "grouped":
        found.append(
            f"Near-duplicates, {report['grouped_images']} images in {report['groups']} groups, "
            "were kept together: no image was scored by a model that trained on one of its group."
        )
    else:
        found.append(
            "Near-duplicates were not kept together, which can make the figures too good. "
            "--split_method=grouped keeps them together, and trash-keras compare measures the "
            "difference."
        )
    found.append(
        f"The interval says how much other images would change the accuracy (bootstrap over "
        f"images, {intervals.RESAMPLES:,} draws). "
        + (
            "With one seed it is not known how much another training would."
            if seeds == 1
            else "The standard deviation says how much other folds and seeds would."
        )
    )
    found.append(
        "A threshold with a guaranteed risk costs less coverage where it is chosen on all of these "
        "images: train with the same recipe and --calibration_predictions=FILE, a file of the "
        "folder predictions."
    )
    return found


def _about_sources(report: Mapping[str, Any]) -> list[str]:
    found = [
        "So the figures are those of a place that gave no training images. They hold for these "
        f"{len(report['sources'])} sources; the interval does not say how much another source "
        "would differ."
    ]
    if left_out := report.get("left_out"):
        told = ", ".join(f"{count} of {stratum}" for stratum, count in left_out.items())
        found.append(f"Not scored, since no other source has their class: {told}.")
    return found


def _bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns each seed, and after it its folds, for `base.accuracies`."""
    bars = []
    for scores in report["seeds"]:
        bars.append({**scores, "name": f"seed {scores['seed']}"})
        for fold in report["folds"]:
            if fold["seed"] == scores["seed"]:
                bars.append({**fold, "name": _fold_name(report, fold)})
    return bars


def _fold_name(report: Mapping[str, Any], fold: Mapping[str, Any]) -> str:
    """Returns the number of a fold, or the source that was left out."""
    if report["config"]["data"]["split_method"] == LEAVE_ONE_OUT:
        return next(iter(fold["sources"]))
    return f"fold {fold['fold']}"


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.1%} to {ends[1]:.1%}"


def _wrong(found: Mapping[str, Any]) -> str:
    if found["error"] is None:
        return "none"
    return f"{found['error']:.1%} ({_interval(found['error_interval'])})"


def _seeds_table(report: Mapping[str, Any]) -> Table:
    rows = [["Seed", "Accuracy", "95% interval", "Macro-F1", "Cross-entropy", "ECE", "AURC",
             "AUGRC", "Coverage", "Wrong among these"]]  # fmt: skip
    for scores in report["seeds"]:
        rows.append(
            [str(scores["seed"]), f"{scores['accuracy']:.1%}",
             _interval(scores["accuracy_interval"])]
            + [f"{scores[name]:.3f}" for name in ("macro_f1", "loss", "ece")]
            + [f"{scores[name]:.4f}" for name in ("aurc", "augrc")]
            + [f"{scores['abstention']['coverage']:.1%}", _wrong(scores["abstention"])]
        )  # fmt: skip
    return rows


def _classes_table(report: Mapping[str, Any]) -> Table:
    rows = [["Class", "Precision", "Recall", "F1", "Images"]]
    for name, row in report["per_class"].items():
        shares = [f"{row['precision']:.1%}", f"{row['recall']:.1%}", f"{row['f1']:.3f}"]
        rows.append([name, *shares, str(row["support"])])
    return rows


def _slices_table(report: Mapping[str, Any]) -> Table:
    """Returns a row for each class of each slice, with a recall for each seed; or no rows."""
    found = [scores.get("subsets", {}) for scores in report["seeds"]]
    heading = ["Slice", "Class", "Images"]
    heading += [f"Recall, seed {scores['seed']}" for scores in report["seeds"]]
    rows = []
    for slice_name, classes in found[0].items():
        for name, row in classes.items():
            cells = [seed[slice_name][name] for seed in found]
            recalls = [f"{cell['recall']:.1%} ({_interval(cell['interval'])})" for cell in cells]
            rows.append([slice_name, name, str(row["support"]), *recalls])
    return [heading, *rows] if rows else []


def _folds_table(report: Mapping[str, Any]) -> Table:
    rows = [["Seed", "Fold", "Images", "Accuracy", "95% interval", "Macro-F1",
             "Validation accuracy", "Best epoch", "Minutes"]]  # fmt: skip
    for fold in report["folds"]:
        rows.append([
            str(fold["seed"]), _fold_name(report, fold).removeprefix("fold "),
            str(fold["examples"]),
            f"{fold['accuracy']:.1%}", _interval(fold["accuracy_interval"]),
            f"{fold['macro_f1']:.3f}", f"{fold['valid_accuracy']:.1%}",
            str(fold["best_epoch"] + 1), f"{fold['training_minutes']:.1f}",
        ])  # fmt: skip
    return rows
