"""Figure of robustness to corruptions: accuracy over severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, GRID, QUIET, quiet_frame
from trash_keras.reporting.plots.style import ONE_COLUMN

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
    figure = Figure(figsize=(ONE_COLUMN, 0.3 + 1.0 * rows), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, found) in zip(panels, corruptions.items(), strict=False):
        severities = range(1, len(found["accuracy"]) + 1)
        axes.axhline(scores["clean"]["accuracy"], color=COLOURS[1], linestyle="--", linewidth=0.8)
        axes.plot(severities, found["accuracy"], color=COLOURS[0], marker="o")
        axes.set_title(name, loc="left", fontsize=style.LABEL_SIZE)
        mean = f"mean {found['mean_accuracy']:.1%}"
        axes.set_title(mean, loc="right", fontsize=style.LABEL_SIZE, color=QUIET)
        axes.set_xticks(severities)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(color=GRID)
        quiet_frame(axes)
    for axes in panels[len(corruptions) :]:
        axes.set_axis_off()
    figure.supxlabel("Severity", fontsize=8)
    figure.supylabel("Accuracy (dashed: unchanged images)", fontsize=8)
    return figure
