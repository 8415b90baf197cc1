"""Figures of heat maps: one picture with its own, a sheet of mistakes, curves of their check."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from trash_keras.data.decoding import ReadImages
from trash_keras.evaluation import heat_maps, html
from trash_keras.evaluation.contact_sheet import contact_sheet
from trash_keras.evaluation.figures import COLOURS, GRID, quiet_frame
from trash_keras.metrics import saliency

PICTURE_SIDE = 640  # pixels, the longer side of a picture in a figure of its own
PANEL_INCHES = 4.8  # its longer side there
SHEET_SIDE = 240  # the same on a sheet
GONE = np.full((3, 4, 3), 227, np.uint8)


def readable(picture: np.ndarray) -> np.ndarray:
    """Returns a picture, uint8 [height, width, 3], with a longer side of `PICTURE_SIDE` pixels."""
    height, width = picture.shape[:2]
    scale = PICTURE_SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def explained(picture: np.ndarray, heat_map: np.ndarray, resize: str, answer: str) -> Figure:
    """Draws a picture beside the evidence for its answer.

    Args:
        picture: uint8 [height, width, 3], RGB, from `readable`.
        heat_map: float [h, w], 0..1.
        resize: stretch, crop or pad.
        answer: The explained class and its probability, for a title.

    Returns:
        A figure of two panels with a legend.
    """
    height, width = picture.shape[:2]
    across = PANEL_INCHES * min(width / height, 1)
    down = max(across * height / width, 0.5)
    # Title and legend need their room beside a strip of a picture, too.
    figure = Figure(figsize=(max(2 * across, PANEL_INCHES), down + 1.2), layout="constrained")
    panels = figure.subplots(1, 2)
    lit = heat_maps.overlay(picture, heat_map, resize)
    for axes, shown in zip(panels, (picture, lit), strict=True):
        axes.imshow(shown)
        axes.set_axis_off()
    figure.suptitle(answer, parse_math=False)
    _add_legend(figure, panels)
    return figure


def mistakes(
    rows: Sequence[Mapping[str, Any]],
    found: heat_maps.HeatMaps,
    read_pictures: ReadImages,
) -> Figure:
    """Draws mistakes in pairs: the picture, and the evidence for the wrong answer.

    Args:
        rows: `mistakes` of a report; those that have a heat map are drawn, at least one.
        found: Heat maps of the answers.
        read_pictures: Files -> their encoded bytes; one that has no pixels is a grey box.
    """
    rows = [row for row in rows if row["file"] in found.maps]
    encoded = read_pictures([row["file"] for row in rows])
    panels = []
    for row in rows:
        picture = html.shrink(encoded.get(row["file"], b""), SHEET_SIDE)
        picture = GONE if picture is None else picture
        lit = heat_maps.overlay(picture, found.maps[row["file"]], found.resize)
        panels += [
            (f"{row['truth']} → {row['prediction']}", picture),
            (f"{row['probability']:.0%}", lit),
        ]
    figure = contact_sheet(panels)
    _add_legend(figure, figure.axes)
    return figure


def _add_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    colours = ScalarMappable(cmap=ListedColormap(heat_maps.legend()[0] / 255))
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.set_ticks([0, 1], labels=["none", "most"])
    bar.set_label("Evidence for the answer, relative to the strongest of the picture", fontsize=9)
    bar.outline.set_visible(False)


def explanation_curves(found: Mapping[str, Any]) -> Figure:
    """Draws the probability of the answer over the share of changed pixels.

    Args:
        found: From `saliency.measure`.

    Returns:
        A figure of two panels, deletion above insertion.
    """
    figure = Figure(figsize=(6.4, 6.8), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    shares = np.linspace(0, 1, found["steps"] + 1)
    words = {"deletion": "blurred", "insertion": "given back to the blurred picture"}
    for axes, (test, word) in zip(panels, words.items(), strict=True):
        for (order, name), colour in zip(saliency.ORDERS.items(), COLOURS, strict=False):
            label = f"{name}, area {found[test]['auc'][order]:.3f}"
            axes.plot(shares, found[test]["curves"][order], color=colour, label=label)
        axes.set_xlabel(f"{test.capitalize()}: pixels {word}")
        axes.set_ylabel("Probability of the answer")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.grid(color=GRID, linewidth=0.8)
        axes.legend(loc="best", fontsize=9, framealpha=0.9, edgecolor=GRID)
        quiet_frame(axes)
    return figure
