"""Checks of figures."""

import itertools
from collections.abc import Iterable

from matplotlib.figure import Figure
from matplotlib.text import Text


def assert_no_overlap(texts: Iterable[Text]) -> None:
    """Of texts of a figure that has been drawn; what is seen of two letters may touch."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (first, box), (second, other) in itertools.combinations(boxes, 2):
        across = min(box.x1, other.x1) - max(box.x0, other.x0)
        along = min(box.y1, other.y1) - max(box.y0, other.y0)
        assert min(across, along) <= 0.1 * min(box.height, other.height), (first, second)


def assert_nothing_cut_off(figure: Figure) -> None:
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert needed.x0 >= 0 and needed.y0 >= 0, needed
    assert needed.x1 <= width and needed.y1 <= height, needed
