"""Figure of robustness to corruptions: accuracy over severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, GRID, QUIET, quiet_frame

COLUMNS = 2


@style.own()
def small_multiples(scores: Mapping[str, Any]) -> Figure:
    """Draws a panel for each corruption, all to the same scale.

    Args:
        scores: From `robustness.score`.

    Returns:
        A figure; in each panel, accuracy over severity, the clean accuracy as a dashed line, and
        the mean above.
    """
    corruptions = scores["kinds"]
    rows = -(-len(corruptions) // COLUMNS)
    figure = Figure(figsize=(6.4, 0.6 + 1.7 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, found) in zip(panels, corruptions.items(), strict=False):
        severities = range(1, len(found["accuracy"]) + 1)
        axes.axhline(scores["clean"]["accuracy"], color=COLOURS[1], linestyle="--", linewidth=1.2)
        axes.plot(severities, found["accuracy"], color=COLOURS[0], marker="o", markersize=4)
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_title(f"mean {found['mean_accuracy']:.1%}", loc="right", fontsize=9, color=QUIET)
        axes.set_xticks(severities)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(color=GRID, linewidth=0.8)
        quiet_frame(axes)
    for axes in panels[len(corruptions) :]:
        axes.set_axis_off()
    figure.supxlabel("Severity", fontsize=10)
    figure.supylabel("Accuracy (dashed: unchanged images)", fontsize=10)
    return figure
