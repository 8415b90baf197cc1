"""Mistakes for a page, each with its heat map where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.evaluation import heat_maps, html
from trash_keras.evaluation.heat_maps import HeatMaps


def lit(
    mistakes: Sequence[Mapping[str, Any]],
    explained: HeatMaps | None,
    read_pictures: ReadImages,
) -> list[dict[str, Any]]:
    """Lays heat maps over thumbnails.

    Args:
        mistakes: Of a report.
        explained: Heat maps of the wrong answers, or None.
        read_pictures: Files -> their encoded bytes.

    Returns:
        The mistakes, each with its `overlay` (data URI) and, in words, the `place` of the
        evidence; both None without a heat map or where the picture cannot be read.
    """
    maps = explained.maps if explained else {}
    files = [found["file"] for found in mistakes if found["file"] in maps]
    encoded = read_pictures(files) if files else {}
    rows = []
    for found in mistakes:
        row = {**found, "overlay": None, "place": None}
        small = html.shrink(encoded.get(found["file"], b""), html.THUMBNAIL_SIDE)
        if explained and small is not None:
            heat_map = maps[found["file"]]
            row["overlay"] = html.jpeg(heat_maps.overlay(small, heat_map, explained.resize))
            row["place"] = heat_maps.place(heat_map)
        rows.append(row)
    return rows


def legend_stops() -> str:
    """Returns the colours from no to the strongest evidence as stops of a CSS gradient."""
    return ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in heat_maps.legend(12)[0])
