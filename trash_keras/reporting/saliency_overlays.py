"""Mistakes for a page, each with its heat map where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.reporting import html
from trash_keras.reporting.plots import saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps


def saliency_overlays(
    mistakes: Sequence[Mapping[str, Any]],
    explained: HeatMaps | None,
    read_images: ReadImages,
) -> list[dict[str, Any]]:
    """Lays heat maps over thumbnails.

    Args:
        mistakes: Of a report.
        explained: Heat maps of the wrong predictions, or None.
        read_images: Files -> their encoded bytes.

    Returns:
        The mistakes, each with its `overlay` (data URI) and, in words, the `place` of the
        evidence; both None without a heat map or where the image cannot be read.
    """
    maps = explained.maps if explained else {}
    files = [found["file"] for found in mistakes if found["file"] in maps]
    encoded = read_images(files) if files else {}
    rows = []
    for found in mistakes:
        row = {**found, "overlay": None, "place": None}
        small = html.shrink(encoded.get(found["file"], b""), html.THUMBNAIL_SIDE)
        if explained and small is not None:
            heat_map = maps[found["file"]]
            row["overlay"] = html.jpeg(saliency_maps.overlay(small, heat_map, explained.resize))
            row["place"] = saliency_maps.place(heat_map)
        rows.append(row)
    return rows


def legend_stops() -> str:
    """Returns the colours from no to the strongest evidence as stops of a CSS gradient."""
    return ", ".join(
        f"rgb({red} {green} {blue})" for red, green, blue in saliency_maps.legend(12)[0]
    )
