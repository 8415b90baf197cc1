"""Figures inside a page: vectors that follow its light or dark mode."""

import re
from typing import Any

from matplotlib.figure import Figure

from trash_keras.reporting import html
from trash_keras.reporting.plots import svg

FIGURE_BYTES = 300_000


def embed(figure: Figure, title: str, alternative: str) -> dict[str, Any]:
    """Returns a figure for a template: vectors, or pixels if the vectors would be too many.

    Args:
        figure: The drawing; keeps its size.
        title: A few words.
        alternative: What the figure shows, as text.

    Returns:
        `title`, `alternative`, `source` (data URI), whether it is `vectors`, and `width` and
        `height` in points.
    """
    inches = tuple(figure.get_size_inches())
    text = svg.draw(figure)
    width, height = (
        float(value)
        for value in re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups()  # type: ignore[union-attr]
    )
    vectors = len(text) <= FIGURE_BYTES
    drawn = (text.encode(), "svg+xml") if vectors else (svg.pixels(figure), "png")
    figure.set_size_inches(inches)  # as before, for its own file
    return {
        "title": title,
        "alternative": alternative,
        "source": html.data_uri(*drawn),
        "vectors": vectors,
        "width": round(width),
        "height": round(height),
    }
