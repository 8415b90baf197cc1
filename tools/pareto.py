"""Pareto front: exported files of several runs by accuracy, size and time an image.

python -m tools.pareto --output=DIR [--teacher=TEACHER] RUN RUN...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter, ScalarFormatter

from trash_keras.cli import launch
from trash_keras.metrics import comparison, report_file
from trash_keras.reporting import markdown
from trash_keras.reporting.plots.base import COLOURS, GRID, QUIET, quiet_frame

FORMATS = ("float32", "float16", "dynamic", "int8")  # of TFLite, for phones
# What a file costs, and how tables and axes call it.
COSTS = {"megabytes": "Size, MB", "milliseconds": "Median time an image, one thread, ms"}


def read(
    folders: Sequence[str | os.PathLike], formats: Sequence[str] = FORMATS
) -> list[dict[str, Any]]:
    """Reads what the exported files of some runs are worth.

    Args:
        folders: Workdirs of runs that were exported with accuracy and latency.
        formats: Which of their files to take; a run need not have them all.

    Returns:
        For each file `run`, `kind`, `accuracy` with `accuracy_interval` (0 to 1, test split,
        through the file's own runtime), `megabytes` (10^6 bytes), `milliseconds` (median of one
        image on one thread), and `frontier`, the costs by which it is on the Pareto front:
        no other file is as accurate and cheaper.

    Raises:
        ValueError: No folder, one twice, one without such an export, or a file that was not
            scored or timed.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if not paths or len({*paths}) < len(paths):
        received = ", ".join(map(str, folders)) or "none"
        raise ValueError(f"Name at least one run, and each once. Received: {received}.")
    names = comparison.short_names(paths)
    points = [
        {"run": name, **point}
        for name, path in zip(names, paths, strict=True)
        for point in _points(path, formats)
    ]
    for point in points:
        point["frontier"] = [cost for cost in COSTS if not _beaten(point, points, cost)]
    return points


def _points(path: Path, formats: Sequence[str]) -> list[dict[str, Any]]:
    command = f"trash-keras export --workdir={path} --formats={','.join(formats)}"
    found = report_file.read_export(path).get("kinds")
    if found is None:
        raise ValueError(f"{path} has no export/export.json. Export it first: {command}")
    chosen = {name: found[name] for name in formats if name in found}
    if not chosen:
        raise ValueError(
            f"{path} has none of the formats {', '.join(formats)}, but "
            f"{', '.join(found) or 'none'}. Export one: {command}"
        )
    return [_point(path, name, facts, command) for name, facts in chosen.items()]


def _point(path: Path, name: str, facts: Mapping[str, Any], command: str) -> dict[str, Any]:
    try:
        return {
            "kind": name,
            "accuracy": facts["accuracy"],
            "accuracy_interval": facts["accuracy_interval"],
            "megabytes": facts["bytes"] / 1e6,
            "milliseconds": facts["latency"]["threads_1"]["p50_ms"],
        }
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"The {name} file of {path} lacks figures: no {error} in export.json. "
            f"Export it again: {command}"
        ) from error


def _beaten(point: Mapping[str, Any], points: Sequence[Mapping[str, Any]], cost: str) -> bool:
    return any(
        (other["accuracy"] >= point["accuracy"] and other[cost] < point[cost])
        or (other["accuracy"] > point["accuracy"] and other[cost] <= point[cost])
        for other in points
    )


def read_teacher(folder: str | os.PathLike) -> dict[str, Any]:
    """Returns `run`, `accuracy` and `accuracy_interval` of a teacher on its test split.

    Raises:
        ValueError: There is no report of a test split.
    """
    report = report_file.read_report(folder)
    if "test" not in report:
        raise ValueError(f"The report of {folder} has no test split.")
    scores = report["test"]
    return {
        "run": Path(folder).resolve().name,
        "accuracy": scores["accuracy"],
        "accuracy_interval": scores["accuracy_interval"],
    }


def points_table(
    points: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any] | None = None
) -> str:
    """Returns the files as a Markdown table, by size; those on a Pareto front have a star.

    Args:
        points: From `read`.
        teacher: From `read_teacher`; adds its row, and how far each file stays behind it.
    """
    heading = ["run", "format", "accuracy", "95% interval", "MB", "ms"]
    ordered = sorted(points, key=lambda point: point["megabytes"])
    rows = [_row(point) for point in ordered]
    if teacher:
        heading.append("points from the teacher")
        for row, point in zip(rows, ordered, strict=True):
            row.append(f"{100 * (point['accuracy'] - teacher['accuracy']):+.1f}")
        name = markdown.plain(teacher["run"])
        rows.append([name, "the teacher", *_accuracy(teacher), "", "", ""])
    return markdown.table(heading, rows, left=2)


def _row(point: Mapping[str, Any]) -> list[str]:
    stars = {cost: " *" if cost in point["frontier"] else "" for cost in COSTS}
    return [
        markdown.plain(point["run"]),
        point["kind"],
        *_accuracy(point),
        f"{point['megabytes']:.2f}{stars['megabytes']}",
        f"{point['milliseconds']:.1f}{stars['milliseconds']}",
    ]


def _accuracy(scores: Mapping[str, Any]) -> list[str]:
    low, high = scores["accuracy_interval"]
    return [f"{scores['accuracy']:.1%}", f"{low:.1%} to {high:.1%}"]


MARKERS = {"float32": "o", "float16": "s", "dynamic": "^", "int8": "D"}
OTHER_MARKER = "P"


def draw(points: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any] | None = None) -> Figure:
    """Draws each file with its interval, and the Pareto front.

    Args:
        points: From `read`, at least one. Colours tell runs apart, markers formats.
        teacher: From `read_teacher`: a dashed line and its interval as a band.

    Returns:
        A figure with a panel for size and one for time, on logarithmic scales.
    """
    runs = list(dict.fromkeys(point["run"] for point in points))
    many = [colormaps["viridis"](index / len(runs)) for index in range(len(runs))]
    colours = dict(zip(runs, COLOURS if len(runs) <= len(COLOURS) else many, strict=False))
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    panels = figure.subplots(1, len(COSTS), sharey=True)
    for axes, (cost, label) in zip(panels, COSTS.items(), strict=True):
        if teacher:
            axes.axhspan(*teacher["accuracy_interval"], color=GRID, alpha=0.6, linewidth=0)
            axes.axhline(teacher["accuracy"], color=QUIET, linestyle="--", linewidth=1.2)
        _draw_panel(axes, points, cost, colours)
        axes.set_xlabel(label)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        quiet_frame(axes)
    panels[0].set_ylabel("Test accuracy, with 95% interval")
    _add_legend(figure, points, colours, teacher)
    return figure


def _draw_panel(
    axes: Axes, points: Sequence[Mapping[str, Any]], cost: str, colours: Mapping[str, Any]
) -> None:
    best = sorted((p[cost], p["accuracy"]) for p in points if cost in p["frontier"])
    axes.plot(*zip(*best, strict=True), color=QUIET, linewidth=1, drawstyle="steps-post")
    for point in points:
        place, colour = point[cost], colours[point["run"]]
        axes.plot((place, place), point["accuracy_interval"], color=colour, linewidth=1, alpha=0.5)
        axes.plot(place, point["accuracy"], _marker(point), color=colour, markersize=7)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    # Less than a decade has too few whole powers of ten to read anything off.
    low, high = axes.get_xlim()
    minor = ScalarFormatter() if high < 10 * low else NullFormatter()
    axes.xaxis.set_minor_formatter(minor)


def _marker(point: Mapping[str, Any]) -> str:
    return MARKERS.get(point["kind"], OTHER_MARKER)


def _add_legend(
    figure: Figure,
    points: Sequence[Mapping[str, Any]],
    colours: Mapping[str, Any],
    teacher: Mapping[str, Any] | None,
) -> None:
    names = [
        Line2D([], [], color=colour, linewidth=4, label=run) for run, colour in colours.items()
    ]
    shown = {point["kind"]: _marker(point) for point in points}
    names += [
        Line2D([], [], color=QUIET, marker=marker, linestyle="", label=name)
        for name, marker in shown.items()
    ]
    names.append(Line2D([], [], color=QUIET, linewidth=1, label="none is better and cheaper"))
    if teacher:
        label = f"{teacher['run']}, the teacher"
        names.append(Line2D([], [], color=QUIET, linestyle="--", linewidth=1.2, label=label))
    legend = figure.legend(
        handles=names, loc="outside lower center", ncols=4, fontsize=9, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for frontier.png, frontier.md and frontier.json."
)
TEACHER = flags.DEFINE_string("teacher", None, "Workdir of the teacher, for reference.")
FILE_FORMATS = flags.DEFINE_list(
    "formats", ",".join(FORMATS), "Which exported files of each run to show."
)
flags.mark_flags_as_required(["output"])


def main(folders: Sequence[str]) -> None:
    """Prints the table, and writes it with its figure."""
    from trash_keras.reporting.plots import base
    from trash_keras.storage import local

    points = read(folders, FILE_FORMATS.value)
    teacher = read_teacher(TEACHER.value) if TEACHER.value else None
    table, output = points_table(points, teacher), OUTPUT.value
    base.save(draw(points, teacher), f"{output}/frontier.png")
    local.write_text(f"{output}/frontier.md", table + "\n")
    local.write_json(f"{output}/frontier.json", {"files": points, "teacher": teacher})
    print(table)
    print(f"Figure: {output}/frontier.png")


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
