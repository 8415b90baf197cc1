"""Saliency maps (Grad-CAM): kept in a file, laid over their images, and how faithful they are."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image
from scipy import ndimage

from trash_keras.data.decoding import ReadImages
from trash_keras.metrics import saliency
from trash_keras.metrics.saliency import upsample
from trash_keras.reporting import html
from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, GRID, legend_above, quiet_frame
from trash_keras.reporting.plots.contact_sheet import contact_sheet
from trash_keras.reporting.plots.style import ONE_COLUMN
from trash_keras.storage import local, text_files

FILE = "heat_maps.json"  # in the folder of the predictions
# Perceptually uniform: equal steps of evidence look equally large.
COLOUR_MAP = "inferno"
STRENGTH = 0.6  # share of the colours in an overlay; the rest is the image in grey
UNSEEN = 0.35  # brightness of what the model was not shown
IMAGE_SIDE = 640  # pixels, the longer side of an image in a figure of its own
PANEL_INCHES = 4.8  # its longer side there
SHEET_SIDE = 240  # pixels, the longer side on a sheet
UNREADABLE = np.full((3, 4, 3), 227, np.uint8)  # shown instead of an image without pixels
_PLACES = (("upper left", "top", "upper right"),
           ("left", "middle", "right"),
           ("lower left", "bottom", "lower right"))  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class HeatMaps:
    """Heat maps of some images, each for the class that was predicted.

    Attributes:
        resize: How the model's images were made square: stretch, crop or pad.
        maps: File -> float [h, w], 0..1, the evidence in each part of the square image.
    """

    resize: str
    maps: Mapping[str, np.ndarray]

    def save(self, path: str | os.PathLike) -> None:
        """Writes a JSON file; three decimals are more than an eye can see."""
        maps = {file: np.round(found, 3).tolist() for file, found in self.maps.items()}
        local.write_text(path, json.dumps({"resize": self.resize, "maps": maps}) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "HeatMaps":
        """Reads what `save` wrote.

        Raises:
            ValueError: There is no such file, or it holds something else.
        """
        try:
            found = text_files.from_json(Path(path).read_text(encoding="utf-8"))
            maps = {file: np.array(rows, float) for file, rows in found["maps"].items()}
            if not all(heat_map.ndim == 2 for heat_map in maps.values()):
                raise ValueError("a map must have rows and columns")
            return cls(found["resize"], maps)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"No usable heat maps at {path}: {error!r}") from error


def overlay(image: np.ndarray, heat_map: np.ndarray, resize: str) -> np.ndarray:
    """Lays a heat map over its image, which turns grey so that only evidence has a colour.

    Args:
        image: uint8 [height, width, 3], RGB, as it was before it was made square.
        heat_map: float [h, w], 0..1.
        resize: stretch, crop or pad.

    Returns:
        uint8 [height, width, 3], RGB; what the model did not see is dark.
    """
    height, width = image.shape[:2]
    spread_map = upsample(heat_map, height, width, resize)[..., None]
    grey = np.asarray(Image.fromarray(image).convert("L"))[..., None] / 255
    colours = colormaps[COLOUR_MAP](np.nan_to_num(spread_map[..., 0]))[..., :3]
    mixed = STRENGTH * colours + (1 - STRENGTH) * grey
    return np.rint(255 * np.where(np.isnan(spread_map), UNSEEN * grey, mixed)).astype(np.uint8)


def legend(steps: int = 64) -> np.ndarray:
    """Returns uint8 [1, steps, 3]: the colours from no to the strongest evidence, on mid grey."""
    grey = np.full((1, steps, 3), 128, np.uint8)
    return overlay(grey, np.linspace(0, 1, steps)[None], "stretch")


def place(heat_map: np.ndarray) -> str:
    """Returns where the centre of a heat map lies, in words; "nowhere" for an empty one."""
    if not heat_map.any():
        return "nowhere"
    centre = ndimage.center_of_mass(heat_map)
    row, column = (
        int(3 * (position + 0.5) / count)
        for position, count in zip(centre, heat_map.shape, strict=True)
    )
    return _PLACES[row][column]


def readable(image: np.ndarray) -> np.ndarray:
    """Returns an image, uint8 [height, width, 3], with a longer side of `IMAGE_SIDE` pixels."""
    height, width = image.shape[:2]
    scale = IMAGE_SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


@style.own()
def explanation(image: np.ndarray, heat_map: np.ndarray, resize: str, prediction: str) -> Figure:
    """Draws an image beside the evidence for its prediction.

    Args:
        image: uint8 [height, width, 3], RGB, from `readable`.
        heat_map: float [h, w], 0..1.
        resize: stretch, crop or pad.
        prediction: The explained class and its probability, for a title.

    Returns:
        A figure of two panels with a legend.
    """
    height, width = image.shape[:2]
    across = PANEL_INCHES * min(width / height, 1)
    down = max(across * height / width, 0.5)
    # Title and legend need room even if the image is a narrow strip.
    figure = Figure(figsize=(max(2 * across, PANEL_INCHES), down + 1.2), layout="constrained")
    panels = figure.subplots(1, 2)
    evidence = overlay(image, heat_map, resize)
    for axes, shown in zip(panels, (image, evidence), strict=True):
        axes.imshow(shown)
        axes.set_axis_off()
    figure.suptitle(prediction, parse_math=False)
    _add_legend(figure, panels)
    return figure


@style.own()
def top_errors_sheet(
    errors: Sequence[Mapping[str, Any]],
    heat_maps: HeatMaps,
    read_images: ReadImages,
) -> Figure:
    """Draws top errors in pairs: the image, and the evidence for the wrong prediction.

    Args:
        errors: `mistakes` of a report; those with a heat map are drawn, at least one.
        heat_maps: Of the wrong predictions.
        read_images: Files -> their encoded bytes; one without pixels is a grey rectangle.
    """
    rows = [row for row in errors if row["file"] in heat_maps.maps]
    encoded = read_images([row["file"] for row in rows])
    panels = []
    for row in rows:
        image = html.shrink(encoded.get(row["file"], b""), SHEET_SIDE)
        image = UNREADABLE if image is None else image
        evidence = overlay(image, heat_maps.maps[row["file"]], heat_maps.resize)
        panels += [
            (f"{row['truth']} → {row['prediction']}", image),
            (f"{row['probability']:.0%}", evidence),
        ]
    figure = contact_sheet(panels)
    _add_legend(figure, figure.axes)
    return figure


def _add_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    colours = ScalarMappable(cmap=ListedColormap(legend()[0] / 255))
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.6, aspect=40, pad=0.02)
    bar.set_ticks([0, 1], labels=["none", "most"])
    bar.set_label("Evidence for the prediction, relative to the strongest of the image", fontsize=9)
    bar.outline.set_visible(False)


@style.own()
def faithfulness_curves(found: Mapping[str, Any]) -> Figure:
    """Draws deletion and insertion: the probability of the prediction over the changed pixels.

    Args:
        found: From `saliency.measure`.

    Returns:
        A figure of two panels, deletion above insertion.
    """
    figure = Figure(figsize=(ONE_COLUMN, 4.4), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    shares = np.linspace(0, 1, found["steps"] + 1)
    titles = {"deletion": "blurred", "insertion": "given back to the blurred image"}
    for axes, (test, title) in zip(panels, titles.items(), strict=True):
        for (order, name), colour in zip(saliency.ORDERS.items(), COLOURS, strict=False):
            label = f"{name}, area {found[test]['auc'][order]:.3f}"
            axes.plot(shares, found[test]["curves"][order], color=colour, label=label)
        axes.set_xlabel(f"{test.capitalize()}: pixels {title}")
        axes.set_ylabel("Probability of the prediction")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.grid(color=GRID)
        legend_above(axes)
        quiet_frame(axes)
    return figure
