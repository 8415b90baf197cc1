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
from trash_keras.metrics.reliability import ReliabilityCurve
from trash_keras.reporting.plots import base, style
from trash_keras.reporting.plots.base import COLOURS, FRAME, GRID, QUIET, quiet_frame
from trash_keras.reporting.plots.direct_labels import LabelledLayout, label_ends
from trash_keras.reporting.plots.style import ONE_COLUMN

CURVE_POINTS = 400  # more cannot be told apart in a figure
# Name of a histogram in the report -> title.
OOD_TITLES = {"confidence": "confidence", "novelty": "OOD residual"}


@style.own()
def reliability_diagram(
    curve: ReliabilityCurve,
    histogram: calibration.Reliability,
    before: ReliabilityCurve | None = None,
) -> Figure:
    """Draws accuracy over confidence, above the number of images of each confidence.

    Args:
        curve: From `reliability_curve`; the 95% interval of each bin is a vertical line.
        histogram: From `calibration.reliability`, of the same images.
        before: As `curve`, at temperature 1, as a second curve; None leaves it out.

    Returns:
        A figure with two panels; the dashed diagonal is perfect calibration.
    """
    figure = Figure(figsize=(ONE_COLUMN, 4.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1))
    ends = [0.0, 1.0]
    upper.plot(ends, ends, color=QUIET, linestyle="--", linewidth=0.8, label="perfect")
    if before:
        upper.plot(
            before.confidence, before.accuracy, color=COLOURS[3], linewidth=0.8, linestyle=":",
            marker="s", label="before calibration",
        )  # fmt: skip
    upper.vlines(curve.confidence, *curve.interval.T, color=COLOURS[0], linewidth=0.8)
    upper.plot(
        curve.confidence, curve.accuracy, color=COLOURS[0], marker="o",
        label="this model (95% interval)",
    )  # fmt: skip
    upper.set_ylabel("Accuracy")
    upper.set_xlabel(f"Mean confidence of {_sizes(curve.count)} images")
    # A good classifier has no bin of low confidence: what is not there takes no room.
    shown = [curve, before] if before else [curve]
    lowest = min(min(part.confidence.min(), part.interval.min()) for part in shown)
    for axis_limits in (upper.set_xlim, upper.set_ylim):
        axis_limits(max(np.floor(10 * lowest) / 10, 0) - 0.01, 1.01)
    middle = (histogram.edges[:-1] + histogram.edges[1:]) / 2
    lower.bar(middle, histogram.count, 0.9 * np.diff(histogram.edges), color=COLOURS[0])
    lower.set_xlim(0, 1)
    lower.set_xlabel("Confidence")
    lower.set_ylabel("Images")
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    for axes in (upper, lower):
        _percent(axes, x=True, y=axes is upper)
    base.legend_above(upper, columns=2)
    return figure


def _sizes(count: np.ndarray) -> str:
    smallest, largest = int(count.min()), int(count.max())
    return f"{smallest}" if smallest == largest else f"{smallest} or {largest}"


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
    figure = Figure(figsize=(ONE_COLUMN, 2.2), layout=LabelledLayout())
    axes = figure.subplots()
    # One image is a point, which a line of one point does not show.
    marker = "o" if len(kept) <= 30 else ""
    axes.plot(
        curve.coverage[kept], curve.risk[kept], color=COLOURS[0], marker=marker, clip_on=False,
    )  # fmt: skip
    axes.axhline(target_risk, color=COLOURS[1], linestyle="--", linewidth=0.8)
    labels = [(target_risk, f"{target_risk:.0%} wrong", COLOURS[1])]
    highest = float(curve.risk.max())
    if chosen:
        place = chosen["coverage"], chosen["error"]
        axes.plot(*place, "D", color=COLOURS[2], markersize=5, clip_on=False, zorder=3)
        words = (
            f"threshold {chosen['threshold']:.3f}:\n{place[0]:.1%} predicted,\n{place[1]:.1%} wrong"
        )
        labels.append((place[1], words, COLOURS[2]))
        highest = max(highest, place[1])
    label_ends(axes, labels)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(1.15 * highest, 2.5 * target_risk))
    axes.set_xlabel("Coverage: share of images with a prediction")
    axes.set_ylabel("Wrong among these")
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
    figure = Figure(figsize=(ONE_COLUMN, 0.3 + 1.8 * len(histograms)), layout="constrained")
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
        axes.axvline(mark, color=QUIET, linestyle="--", linewidth=0.8)
        axes.set_xlim(histogram["edges"][0], histogram["edges"][-1])
        title = OOD_TITLES[name]
        axes.set_xlabel(f"{title[0].upper()}{title[1:]} (dashed: {marks[name]} {mark:.3f})")
        axes.set_ylabel("Share of the images")
        base.legend_above(axes, columns=2)
        _percent(axes, x=True, y=True)
    return figure


def _percent(axes: Axes, x: bool, y: bool) -> None:
    for axis, wanted in ((axes.xaxis, x), (axes.yaxis, y)):
        if wanted:
            axis.set_major_formatter(PercentFormatter(1.0))
            axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    quiet_frame(axes)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(color=FRAME)
