"""Figures of classes: which are confused with which, and how many images each has.

A cell or a bar for each class is drawn only up to `MATRIX_CLASSES`: with more of them the work
grows with their square, and nobody can read the result.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trash_keras.metrics.classification import MATRIX_CLASSES, most_confused
from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, FRAME, GRID, TEXT, legend_above, quiet_frame
from trash_keras.reporting.plots.style import ONE_COLUMN, TWO_COLUMNS

COLOUR_MAP = "Blues"
# Square roots of shares: linear colours hide a confusion of 10% beside recalls of 90%.
COLOUR_EXPONENT = 0.5
COLOUR_TICKS = (0, 0.1, 0.25, 0.5, 1)
PAIRS_SHOWN = 30
LONGEST_NAME = 40  # characters
SMALLEST_CELL = 0.28  # inches, for two lines of letters as large as labels
TALLEST = 8  # inches, of a figure that fits a page with its caption
LETTER = 0.6 * style.LABEL_SIZE / 72  # inches, about the width of one


@style.own()
def confusion_matrix(matrix: Sequence[Sequence[int]], class_names: Sequence[str]) -> Figure:
    """Draws a confusion matrix: in each cell the share of the true class, and below it the count.

    The colour of a cell is its share, on a scale of square roots. A cell without an image has a 0
    alone, or a dash where its true class has no image. Of more than `MATRIX_CLASSES` classes the
    `PAIRS_SHOWN` most confused pairs are drawn instead.

    Args:
        matrix: Numbers of images, 0 or more, of shape (classes, classes); rows are the true
            classes, columns the predicted ones.
        class_names: Names of the classes, in the order of rows and columns; at least one.

    Returns:
        A figure with one panel and its scale, two columns wide where one would be too narrow for
        the cells; or one with a bar for each pair.

    Raises:
        ValueError: The matrix is not square, or does not fit the number of names.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(class_names)
    if size == 0 or counts.shape != (size, size):
        raise ValueError(
            f"the confusion matrix has shape {counts.shape}, but there are {size} class names"
        )
    if size > MATRIX_CLASSES:
        return _pairs(counts, class_names)
    names = [_short(name) for name in class_names]
    longest = LETTER * max(map(len, names))
    cells = {width: (width - longest - 0.75) / size for width in (ONE_COLUMN, TWO_COLUMNS)}
    width = ONE_COLUMN if cells[ONE_COLUMN] >= SMALLEST_CELL else TWO_COLUMNS
    height = cells[width] * size + 0.7 * longest + 0.25
    figure = Figure(figsize=(width, height), layout="compressed")
    axes = figure.subplots()
    _draw_cells(axes, counts, min(style.LABEL_SIZE, 72 * cells[width] / 3.3))
    axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), names)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a "$" in a class name is just a character
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    return figure


def _draw_cells(axes: Axes, counts: np.ndarray, font_size: float) -> None:
    """Colours the cells by their shares, and writes both numbers in a colour that stands out."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    scale = PowerNorm(COLOUR_EXPONENT, vmin=0, vmax=1)
    drawn = axes.imshow(shares, cmap=COLOUR_MAP, norm=scale)
    brightness = drawn.to_rgba(shares)[..., :3] @ np.array([0.299, 0.587, 0.114])
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if brightness[row, column] < 0.41 else "black"
        text = _cell(int(counts[row, column]), int(totals[row, 0]))
        axes.text(
            column, row, text, ha="center", va="center", color=colour, fontsize=font_size,
            linespacing=1.1,
        )  # fmt: skip
    axes.tick_params(length=0)
    axes.spines[:].set_color(FRAME)
    bar = axes.figure.colorbar(
        drawn, ax=axes, ticks=COLOUR_TICKS, format=PercentFormatter(1.0, decimals=0), pad=0.02,
        aspect=30,
    )  # fmt: skip
    bar.set_label("Share of the true class")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=FRAME)


def _cell(count: int, total: int) -> str:
    if not count:
        return "0" if total else "-"
    share = 100 * count / total
    return f"{share:.0f}%\n{count}" if share >= 0.5 else f"<1%\n{count}"


def _pairs(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws a bar for each of the most confused pairs, with its count and share of the truth."""
    found = most_confused(counts, PAIRS_SHOWN)
    height = 0.7 + 0.19 * max(len(found), 1)
    figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(found)), [count for *_, count in found], color=COLOURS[1])
    totals = counts.sum(axis=1)
    texts = [f"{count} ({count / totals[truth]:.0%})" for truth, _, count in found]
    axes.bar_label(bars, texts, padding=2, fontsize=style.LABEL_SIZE, color=TEXT)
    names = [f"{_short(class_names[row])} → {_short(class_names[column])}"
             for row, column, _ in found]  # fmt: skip
    axes.set_yticks(range(len(found)), names)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(max(len(found), 1) - 0.5, -0.5)
    axes.set_xlabel(
        f"Images (share of the true class), true → predicted of {len(class_names)} classes"
        if found
        else f"No image of {len(class_names)} classes is confused"
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.15)
    quiet_frame(axes)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


@style.own()
def class_balance(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draws the number of images of each class in each split as grouped bars.

    Of more than `MATRIX_CLASSES` classes a curve for each split is drawn instead, over the classes
    from the one with the most images of all splits to the one with the fewest.

    Args:
        counts: Split -> class -> number of images, 0 or more. A class that a split does not
            name has no image there.

    Returns:
        A figure of horizontal bars, one group per class, that grows with their number; or one of
        curves.

    Raises:
        ValueError: There is no split or no class.
    """
    class_names = list(dict.fromkeys(name for classes in counts.values() for name in classes))
    if not class_names:
        raise ValueError("class balance needs at least one split with at least one class")
    if len(class_names) > MATRIX_CLASSES:
        return _sizes(counts, class_names)
    thickness = 0.8 / len(counts)
    group = min(0.1 + 0.12 * len(counts), TALLEST / len(class_names))
    font_size = min(style.LABEL_SIZE, 72 * group * thickness)
    figure = Figure(figsize=(ONE_COLUMN, 0.6 + group * len(class_names)), layout="constrained")
    axes = figure.subplots()
    for index, (split, classes) in enumerate(counts.items()):
        offset = (index - (len(counts) - 1) / 2) * thickness
        positions = np.arange(len(class_names)) + offset
        values = [int(classes.get(name, 0)) for name in class_names]
        colour = COLOURS[index % len(COLOURS)]
        bars = axes.barh(positions, values, thickness * 0.9, color=colour, label=split)
        axes.bar_label(bars, padding=2, fontsize=font_size, color=TEXT)
    axes.set_yticks(range(len(class_names)), [_short(name) for name in class_names])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(class_names) - 0.5, -0.5)
    axes.set_xlabel("Images")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.1)
    quiet_frame(axes)
    legend_above(axes, len(counts))
    return figure


def _sizes(counts: Mapping[str, Mapping[str, int]], class_names: Sequence[str]) -> Figure:
    """Draws the sizes of many classes as a curve for each split, the largest class first."""
    table = np.array([[split.get(name, 0) for name in class_names] for split in counts.values()])
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    figure = Figure(figsize=(ONE_COLUMN, 2.2), layout="constrained")
    axes = figure.subplots()
    for index, (split, sizes) in enumerate(zip(counts, table, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        axes.step(range(1, len(class_names) + 1), sizes, where="mid", color=colour, label=split)
    axes.set_ylim(0, max(1.05 * table.max(), 1))
    axes.set_ylabel("Images")
    axes.set_xlabel(f"{len(class_names)} classes, from the most images down")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=GRID)
    quiet_frame(axes)
    legend_above(axes, len(counts))
    return figure
