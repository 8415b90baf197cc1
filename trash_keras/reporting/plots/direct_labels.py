"""Names beside the ends of lines, instead of a legend, that never lie over each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation

from trash_keras.reporting.plots.style import LABEL_SIZE

GAP = 2.0  # points, between two labels and beside a panel
POINTS_AN_INCH = 72


class LabelledLayout(ConstrainedLayoutEngine):
    """Matplotlib's constrained layout, which then moves labels apart.

    A layout is computed whenever a figure is drawn, so labels fit at every size of the figure.
    """

    def __init__(self) -> None:
        super().__init__()
        self._groups: list[tuple[Axes, list[Annotation]]] = []

    def add(self, axes: Axes, labels: list[Annotation]) -> None:
        """Takes labels of one panel that are not to lie over each other."""
        self._groups.append((axes, labels))

    def execute(self, figure: Figure) -> None:
        """Lays the figure out. Constrained layout makes room for labels as they are."""
        super().execute(figure)
        for axes, labels in self._groups:
            _move_apart(axes, labels)


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Writes texts to the right of a panel, each as near to its height as others let it.

    Args:
        axes: Panel of a figure with a `LabelledLayout`.
        ends: (height in data coordinates, text, colour) for each label.

    Raises:
        ValueError: The figure has another layout.
    """
    layout = axes.figure.get_layout_engine()
    if not isinstance(layout, LabelledLayout):
        raise ValueError(f"labels need a figure with a LabelledLayout. Received: {layout}")
    layout.add(axes, [
        axes.annotate(
            text, (1, height), (2 * GAP, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", va="center", color=colour, fontsize=LABEL_SIZE,
            parse_math=False, annotation_clip=False,
        )
        for height, text, colour in ends
    ])  # fmt: skip


def _move_apart(axes: Axes, labels: Sequence[Annotation]) -> None:
    dots = axes.figure.dpi / POINTS_AN_INCH
    wanted = np.array([axes.transData.transform((0, label.xy[1]))[1] for label in labels])
    heights = np.array([label.get_window_extent().height for label in labels]) + GAP * dots
    # Beyond the panel's ends there are tick labels and titles.
    ends = np.add.outer([axes.bbox.y0, axes.bbox.y1], np.zeros(len(labels)))
    inside = np.clip(wanted, ends[0] + heights / 2, ends[1] - heights / 2)
    for label, offset in zip(labels, spread(inside, heights) - wanted, strict=True):
        label.set_position((label.get_position()[0], offset / dots))


def spread(wanted: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Returns places for labels that do not overlap, with the least squared shift from the wanted.

    Pool adjacent violators: Barlow, Bartholomew, Bremner & Brunk, "Statistical Inference under
    Order Restrictions", 1972.

    Args:
        wanted: float [labels], where the middle of each label should be.
        heights: float [labels], above 0, in the same unit.

    Returns:
        float [labels], the middle of each label; order as it was, ties as they came.
    """
    order = np.argsort(wanted, kind="stable")
    half = heights[order] / 2
    # How far each middle lies above the lowest one if labels touch.
    stacked = np.append(0, np.cumsum(half[:-1] + half[1:]))
    means: list[float] = []
    counts: list[int] = []
    for value in wanted[order] - stacked:
        means.append(float(value))
        counts.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            upper, members = means.pop(), counts.pop()
            means[-1] = (means[-1] * counts[-1] + upper * members) / (counts[-1] + members)
            counts[-1] += members
    places = np.empty(len(wanted))
    places[order] = np.repeat(means, counts) + stacked
    return places
