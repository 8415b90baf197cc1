"""Figure of accuracy over size and over time, for exported files of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter, ScalarFormatter

from trash_keras.evaluation.figures import COLOURS, GRID, QUIET, quiet_frame
from trash_keras.evaluation.frontier import COSTS

MARKERS = {"float32": "o", "float16": "s", "dynamic": "^", "int8": "D"}
OTHER_MARKER = "P"


def frontier(
    points: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any] | None = None
) -> Figure:
    """Draws each file with its interval, and the line of those that none other beats.

    Args:
        points: From `frontier.read`, at least one. Colours tell runs apart, markers kinds.
        teacher: From `frontier.read_teacher`: a dashed line and its interval as a band.

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
        _draw(axes, points, cost, colours)
        axes.set_xlabel(label)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        quiet_frame(axes)
    panels[0].set_ylabel("Test accuracy, with 95% interval")
    _add_legend(figure, points, colours, teacher)
    return figure


def _draw(
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
        Line2D([], [], color=QUIET, marker=marker, linestyle="", label=kind)
        for kind, marker in shown.items()
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
