"""Figures of classes: which are confused with which, and how many images each has.

A cell or a bar for each class is drawn only up to `MATRIX_CLASSES`: with more of them the work
grows with their square, and nobody can read the result.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trash_keras.metrics.classification import MATRIX_CLASSES, most_confused
from trash_keras.reporting.plots import style
from trash_keras.reporting.plots.base import COLOURS, FRAME, GRID, TEXT, quiet_frame

COLOUR_MAP = "Blues"
PAIRS_SHOWN = 30
LONGEST_NAME = 40  # characters, in a figure of pairs


@style.own()
def confusion_matrix(matrix: Sequence[Sequence[int]], class_names: Sequence[str]) -> Figure:
    """Draws a confusion matrix as counts and as percentages of each true class.

    A class without an image has no recall: its cells show a dash in the second panel. Of more than
    `MATRIX_CLASSES` classes the `PAIRS_SHOWN` most confused pairs are drawn instead.

    Args:
        matrix: Numbers of images, 0 or more, of shape (classes, classes); rows are the true
            classes, columns the predicted ones.
        class_names: Names of the classes, in the order of rows and columns; at least one.

    Returns:
        A figure with two panels, counts above percentages, that grows with the number of classes;
        or one with a bar for each pair.

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
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    percentages = [
        [f"{100 * share:.0f}" if total else "-" for share in row]
        for row, total in zip(shares, totals[:, 0], strict=True)
    ]
    cell = min(max(6.4 / size, 0.45), 0.8)
    side = max(cell * size, 3.2)
    # Room for the labels: less, and the layout cuts off the name of the axis.
    margin = 1.0 + 0.08 * max(len(name) for name in class_names)
    figure = Figure(figsize=(side + margin, 2 * (side + margin)), layout="compressed")
    upper, lower = figure.subplots(2, 1)
    font_size = min(10.0, 20 * cell)
    _draw_cells(upper, counts / max(counts.max(), 1), counts.astype(str).tolist(), font_size)
    _draw_cells(lower, shares, percentages, font_size)
    upper.set_title("Images")
    lower.set_title("Percent of the true class (diagonal: recall)")
    for axes in (upper, lower):
        axes.set_xticks(range(size), class_names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), class_names)
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_parse_math(False)  # a "$" in a class name is just a character
        axes.set_xlabel("Predicted")
        axes.set_ylabel("True")
    return figure


def _pairs(counts: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws a bar for each of the most confused pairs, with its count and share of the truth."""
    found = most_confused(counts, PAIRS_SHOWN)
    figure = Figure(figsize=(6.4, 1.2 + 0.26 * max(len(found), 1)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(range(len(found)), [count for *_, count in found], color=COLOURS[1])
    totals = counts.sum(axis=1)
    texts = [f"{count} ({count / totals[truth]:.0%})" for truth, _, count in found]
    axes.bar_label(bars, texts, padding=3, fontsize=9, color=TEXT)
    names = [f"{_short(class_names[row])} → {_short(class_names[column])}"
             for row, column, _ in found]  # fmt: skip
    axes.set_yticks(range(len(found)), names, fontsize=8)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(max(len(found), 1) - 0.5, -0.5)
    axes.set_xlabel("Images (share of the true class)" if found else "No image is confused")
    axes.set_title(f"Most frequent confusions of {len(class_names)} classes, true → predicted")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.15)
    quiet_frame(axes)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _draw_cells(
    axes: Axes, values: np.ndarray, texts: Sequence[Sequence[str]], font_size: float
) -> None:
    """Colours the cells by `values` (0 to 1), and writes `texts` in a colour that stands out."""
    axes.imshow(values, cmap=COLOUR_MAP, vmin=0, vmax=1)
    backgrounds = colormaps[COLOUR_MAP](values)
    brightness = backgrounds[..., :3] @ np.array([0.299, 0.587, 0.114])
    for row, column in np.ndindex(*values.shape):
        colour = "white" if brightness[row, column] < 0.41 else "black"
        text = texts[row][column]
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=font_size)
    axes.tick_params(length=0)
    axes.spines[:].set_color(FRAME)


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
    height = 1.2 + len(class_names) * (0.2 + 0.19 * len(counts))
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.subplots()
    for index, (split, classes) in enumerate(counts.items()):
        offset = (index - (len(counts) - 1) / 2) * thickness
        positions = np.arange(len(class_names)) + offset
        values = [int(classes.get(name, 0)) for name in class_names]
        colour = COLOURS[index % len(COLOURS)]
        bars = axes.barh(positions, values, thickness * 0.9, color=colour, label=split)
        axes.bar_label(bars, padding=3, fontsize=9, color=TEXT)
    axes.set_yticks(range(len(class_names)), class_names)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.invert_yaxis()
    axes.set_xlabel("Images")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.1)
    quiet_frame(axes)
    figure.legend(loc="outside upper center", ncols=len(counts), frameon=False)
    return figure


def _sizes(counts: Mapping[str, Mapping[str, int]], class_names: Sequence[str]) -> Figure:
    """Draws the sizes of many classes as a curve for each split, the largest class first."""
    table = np.array([[split.get(name, 0) for name in class_names] for split in counts.values()])
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, (split, sizes) in enumerate(zip(counts, table, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        axes.step(range(1, len(class_names) + 1), sizes, where="mid", color=colour, label=split)
    axes.set_ylim(0, max(1.05 * table.max(), 1))
    axes.set_ylabel("Images")
    axes.set_xlabel(f"The {len(class_names)} classes, from the most to the fewest images")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=GRID, linewidth=0.8)
    quiet_frame(axes)
    figure.legend(loc="outside upper center", ncols=len(counts), frameon=False)
    return figure
