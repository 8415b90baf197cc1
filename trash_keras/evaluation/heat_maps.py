"""Heat maps of a classifier's evidence: kept in a file, laid over their pictures."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image
from scipy import ndimage

from trash_keras import files
from trash_keras.metrics.saliency import upsample

FILE = "heat_maps.json"  # in the folder of the predictions
# Perceptually uniform: equal steps of evidence look equally large.
COLOUR_MAP = "inferno"
STRENGTH = 0.6  # share of the colours in an overlay; the rest is the picture in grey
UNSEEN = 0.35  # brightness of what the model was not shown
_PLACES = (("upper left", "top", "upper right"),
           ("left", "middle", "right"),
           ("lower left", "bottom", "lower right"))  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class HeatMaps:
    """Heat maps of some pictures, each for the class that was answered.

    Attributes:
        resize: How the model's pictures were made square: stretch, crop or pad.
        maps: File -> float [h, w], 0..1, the evidence in each part of the square picture.
    """

    resize: str
    maps: Mapping[str, np.ndarray]

    def save(self, path: str | os.PathLike) -> None:
        """Writes a JSON file; three decimals are more than an eye can tell apart."""
        maps = {file: np.round(found, 3).tolist() for file, found in self.maps.items()}
        files.write_text(path, json.dumps({"resize": self.resize, "maps": maps}) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "HeatMaps":
        """Reads what `save` wrote.

        Raises:
            ValueError: There is no such file, or it holds something else.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            maps = {file: np.array(rows, float) for file, rows in found["maps"].items()}
            if not all(heat_map.ndim == 2 for heat_map in maps.values()):
                raise ValueError("a map must have rows and columns")
            return cls(found["resize"], maps)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"No usable heat maps at {path}: {error!r}") from error


def overlay(picture: np.ndarray, heat_map: np.ndarray, resize: str) -> np.ndarray:
    """Lays a heat map over its picture, which turns grey so that only evidence has a colour.

    Args:
        picture: uint8 [height, width, 3], RGB, as it was before it was made square.
        heat_map: float [h, w], 0..1.
        resize: stretch, crop or pad.

    Returns:
        uint8 [height, width, 3], RGB; what the model did not see is dark.
    """
    height, width = picture.shape[:2]
    spread_map = upsample(heat_map, height, width, resize)[..., None]
    grey = np.asarray(Image.fromarray(picture).convert("L"))[..., None] / 255
    colours = colormaps[COLOUR_MAP](np.nan_to_num(spread_map[..., 0]))[..., :3]
    mixed = STRENGTH * colours + (1 - STRENGTH) * grey
    return np.rint(255 * np.where(np.isnan(spread_map), UNSEEN * grey, mixed)).astype(np.uint8)


def legend(steps: int = 64) -> np.ndarray:
    """Returns uint8 [1, steps, 3]: the colours from no to the strongest evidence, on mid grey."""
    grey = np.full((1, steps, 3), 128, np.uint8)
    return overlay(grey, np.linspace(0, 1, steps)[None], "stretch")


def place(heat_map: np.ndarray) -> str:
    """Says in a word or two where the centre of a heat map lies; "nowhere" when it is empty."""
    if not heat_map.any():
        return "nowhere"
    centre = ndimage.center_of_mass(heat_map)
    row, column = (
        int(3 * (position + 0.5) / count)
        for position, count in zip(centre, heat_map.shape, strict=True)
    )
    return _PLACES[row][column]
