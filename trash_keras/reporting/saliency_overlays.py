"""The top errors of a page with their heat maps (Grad-CAM) laid over the images."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.reporting import html
from trash_keras.reporting.plots import saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps


def saliency_overlays(
    errors: Sequence[Mapping[str, Any]],
    heat_maps: HeatMaps | None,
    read_images: ReadImages,
    side: int,
) -> list[dict[str, Any]]:
    """Lays heat maps over thumbnails.

    Args:
        errors: `mistakes` of a split in a report.
        heat_maps: Of these wrong predictions, or None.
        read_images: Files -> their encoded bytes.
        side: Pixels, the longer side of a thumbnail.

    Returns:
        The errors, each with its `overlay` (data URI) and the `place` of the evidence, in words;
        both None without a heat map or if the image cannot be read.
    """
    maps = heat_maps.maps if heat_maps else {}
    files = [found["file"] for found in errors if found["file"] in maps]
    encoded = read_images(files) if files else {}
    rows = []
    for found in errors:
        row = {**found, "overlay": None, "place": None}
        small = html.shrink(encoded.get(found["file"], b""), side)
        if heat_maps and small is not None:
            heat_map = maps[found["file"]]
            row["overlay"] = html.jpeg(saliency_maps.overlay(small, heat_map, heat_maps.resize))
            row["place"] = saliency_maps.place(heat_map)
        rows.append(row)
    return rows


def legend_stops() -> str:
    """Returns the colours from no to the strongest evidence as stops of a CSS gradient."""
    return ", ".join(
        f"rgb({red} {green} {blue})" for red, green, blue in saliency_maps.legend(12)[0]
    )
