"""Figures of confidence: calibration, selective classification, OOD detection.

Reliability diagram, risk over coverage, and histograms beside out-of-distribution images.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trash_keras.metrics import calibration
from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, FRAME, GRID, QUIET, quiet_frame

CURVE_POINTS = 400  # more cannot be told apart in a figure
# Name of a histogram in the report -> title.
OOD_TITLES = {"confidence": "confidence", "novelty": "OOD residual"}


@style.own()
def reliability_diagram(
    found: calibration.Reliability, before: calibration.Reliability | None = None
) -> Figure:
    """Draws accuracy over confidence, above the number of images of each confidence.

    Args:
        found: From `calibration.reliability`.
        before: The same at temperature 1, as a second curve; None leaves it out.

    Returns:
        A figure with two panels; the dashed diagonal is perfect calibration.
    """
    figure = Figure(figsize=(6.4, 6.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    used = found.count > 0
    width = found.edges[1] - found.edges[0]
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    upper.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1, label="perfect")
    for x, y in zip(found.confidence[used], found.accuracy[used], strict=True):
        upper.plot([x, x], [x, y], color=COLOURS[1], linewidth=2)
    upper.plot(
        found.confidence[used], found.accuracy[used], color=COLOURS[0], marker="o", markersize=5,
        label="this model",
    )  # fmt: skip
    if before:
        filled = before.count > 0
        upper.plot(
            before.confidence[filled], before.accuracy[filled], color=COLOURS[3], linewidth=1.2,
            linestyle=":", marker="s", markersize=4, label="before calibration",
        )  # fmt: skip
    upper.set_ylabel("Accuracy")
    upper.set_ylim(-0.02, 1.02)
    upper.set_xlim(0, 1)
    upper.legend(loc="upper left", fontsize=9, framealpha=0.9, edgecolor=GRID)
    lower.bar(middle, found.count, width * 0.9, color=COLOURS[0])
    lower.set_xlabel("Confidence")
    lower.set_ylabel("Images")
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    for axes in (upper, lower):
        _percent(axes, x=True, y=axes is upper)
    return figure


@style.own()
def risk_coverage(
    curve: calibration.RiskCoverage, target_risk: float, chosen: Mapping[str, Any] | None = None
) -> Figure:
    """Draws the share of wrong predictions over the share of images that get one.

    Args:
        curve: From `calibration.risk_coverage`.
        target_risk: Share of errors to mark, 0 to 1.
        chosen: `threshold`, `coverage` and `error` of the model's own threshold, which gets a
            mark; None for no mark.

    Returns:
        A figure with one panel; its dashed line is `target_risk`.
    """
    points = len(curve.coverage)
    kept = np.unique(np.linspace(0, points - 1, min(points, CURVE_POINTS)).round().astype(int))
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    # One image is a point, which a line of one point does not show.
    marker = "o" if len(kept) <= 30 else ""
    axes.plot(
        curve.coverage[kept], curve.risk[kept], color=COLOURS[0], marker=marker, markersize=4,
        clip_on=False,
    )  # fmt: skip
    axes.axhline(target_risk, color=COLOURS[1], linestyle="--", linewidth=1.2)
    axes.annotate(
        f"{target_risk:.0%} error", (0, target_risk), (4, 4), textcoords="offset points",
        color=COLOURS[1], fontsize=9,
    )  # fmt: skip
    if chosen:
        place = chosen["coverage"], chosen["error"]
        axes.plot(*place, "D", color=COLOURS[2], markersize=8, clip_on=False, zorder=3)
        axes.annotate(
            f"threshold {chosen['threshold']:.3f}:\n{place[0]:.1%} predicted, {place[1]:.1%} wrong",
            place, (-8 if place[0] > 0.5 else 8, 12), textcoords="offset points",
            ha="right" if place[0] > 0.5 else "left", color=COLOURS[2], fontsize=9,
        )  # fmt: skip
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(1.15 * float(curve.risk.max()), 2.5 * target_risk))
    axes.set_xlabel("Coverage: share of images with a prediction")
    axes.set_ylabel("Wrong predictions among them")
    _percent(axes, x=True, y=True)
    return figure


@style.own()
def ood_histograms(found: Mapping[str, Any]) -> Figure:
    """Draws how confidence and OOD residual are distributed, for the split and for OOD images.

    Args:
        found: From `ood.compare`.

    Returns:
        A figure with a panel for each histogram; its dashed line is the threshold.
    """
    histograms = found["histograms"]
    figure = Figure(figsize=(6.4, 0.6 + 3.1 * len(histograms)), layout="constrained")
    panels = figure.subplots(len(histograms), 1, squeeze=False)[:, 0]
    labels = {"scored": "scored split", "others": "out-of-distribution"}
    marks = {"confidence": "unsure up to", "novelty": "in-distribution up to"}
    for axes, (name, histogram) in zip(panels, histograms.items(), strict=True):
        for (part, label), colour in zip(labels.items(), COLOURS, strict=False):
            axes.stairs(
                histogram[part], histogram["edges"], fill=True, alpha=0.45, color=colour,
                label=label,
            )  # fmt: skip
        mark = histogram["threshold"]
        axes.axvline(mark, color=QUIET, linestyle="--", linewidth=1.2)
        axes.set_xlim(histogram["edges"][0], histogram["edges"][-1])
        title = OOD_TITLES[name]
        axes.set_xlabel(f"{title[0].upper()}{title[1:]} (dashed: {marks[name]} {mark:.3f})")
        axes.set_ylabel("Share of the images")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9, frameon=False)
        _percent(axes, x=True, y=True)
    return figure


def _percent(axes: Axes, x: bool, y: bool) -> None:
    for axis, wanted in ((axes.xaxis, x), (axes.yaxis, y)):
        if wanted:
            axis.set_major_formatter(PercentFormatter(1.0))
    quiet_frame(axes)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(color=FRAME)
