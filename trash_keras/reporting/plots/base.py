"""Figures: learning curves, confusion matrix, class balance, accuracies of runs.

They use matplotlib's object interface, never pyplot: no figure is registered globally, so nothing
has to be closed, and no display is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trash_keras.reporting.plots import style
from trash_keras.storage import local
from trash_keras.storage.names import printable

DOTS_PER_INCH = 120
# A palette that people with the common colour vision deficiencies can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
QUIET = "#5f6b76"
PHASE_NAMES = {"head": "head only", "finetune": "fine-tuning", "scratch": "from scratch"}
GRID = "#e3e7ea"
FRAME = "#c9d0d6"
TEXT = "#1b2329"
COLOUR_MAP = "Blues"


def phase_title(phase: str) -> str:
    """Returns the title of a phase of training."""
    return PHASE_NAMES.get(phase, phase)


@style.own()
def learning_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws accuracy and loss over the epochs of all phases of a training run.

    Epochs are shown counted from 1. A dashed line half-way between two epochs marks each change
    of phase.

    Args:
        rows: At least one row of `metrics.csv`, in the order of training, each with "phase"
            ("head", "finetune" or "scratch"), "epoch" (from 0, counted across the
            phases), "accuracy" and "val_accuracy" (0 to 1), "loss" and "val_loss".

    Returns:
        A figure with two panels: accuracy above, loss below.

    Raises:
        ValueError: There is no row.
    """
    if not rows:
        raise ValueError("learning curves need at least one epoch, but there is no row")
    figure = Figure(figsize=(6.4, 6.8), layout="constrained")
    accuracy, loss = figure.subplots(2, 1, sharex=True)
    _draw_curve(accuracy, rows, "accuracy", "training", "validation")
    # The two losses are different quantities; without labels that say so, their gap misleads.
    _draw_curve(
        loss,
        rows,
        "loss",
        "training (label-smoothed, class-weighted)",
        "validation (plain cross-entropy)",
    )
    accuracy.set_ylabel("Accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    bottom, top = accuracy.get_ylim()
    accuracy.set_ylim(bottom, min(top, 1.005))
    loss.set_ylabel("Loss")
    loss.set_xlabel("Epoch")
    loss.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _mark_phases((accuracy, loss), rows)
    return figure


def _draw_curve(
    axes: Axes, rows: Sequence[Mapping[str, Any]], key: str, training: str, validation: str
) -> None:
    """Draws `key` and its `val_` counterpart into one panel."""
    epochs = [int(row["epoch"]) + 1 for row in rows]
    # Markers keep a run of a single epoch visible; in a long run they would be clutter.
    marker = "o" if len(rows) <= 40 else ""
    curves = ((key, training, COLOURS[0]), (f"val_{key}", validation, COLOURS[1]))
    for name, label, colour in curves:
        values = [float(row[name]) for row in rows]
        axes.plot(epochs, values, label=label, color=colour, marker=marker, markersize=3)
    quiet_frame(axes)
    axes.grid(color=GRID, linewidth=0.8)
    axes.legend(loc="best", fontsize=9, framealpha=0.9, edgecolor=GRID)


def _mark_phases(panels: Sequence[Axes], rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws a line at each change of phase, and the phases' names above the upper panel."""
    starts = [i for i, row in enumerate(rows) if i == 0 or row["phase"] != rows[i - 1]["phase"]]
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(rows)
        first, last = int(rows[start]["epoch"]) + 1, int(rows[end - 1]["epoch"]) + 1
        phase = str(rows[start]["phase"])
        panels[0].text(
            (first + last) / 2,
            1.02,
            phase_title(phase),
            transform=panels[0].get_xaxis_transform(),
            ha="center",
            color=QUIET,
            parse_math=False,
        )
        if start > 0:
            for axes in panels:
                axes.axvline(first - 0.5, color=QUIET, linestyle="--", linewidth=1)


@style.own()
def confusion_matrix(matrix: Sequence[Sequence[int]], class_names: Sequence[str]) -> Figure:
    """Draws a confusion matrix as counts and as percentages of each true class.

    A class without an image has no recall: its cells show a dash in the second panel.

    Args:
        matrix: Numbers of images, 0 or more, of shape (classes, classes); rows are the true
            classes, columns the predicted ones.
        class_names: Names of the classes, in the order of rows and columns; at least one.

    Returns:
        A figure with two panels, counts above percentages, that grows with the number of classes.

    Raises:
        ValueError: The matrix is not square, or does not fit the number of names.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(class_names)
    if size == 0 or counts.shape != (size, size):
        raise ValueError(
            f"the confusion matrix has shape {counts.shape}, but there are {size} class names"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    percentages = [
        [f"{100 * share:.0f}" if total else "-" for share in row]
        for row, total in zip(shares, totals[:, 0], strict=True)
    ]
    # Beyond a certain size the cells shrink instead, or the image would not fit into memory.
    cell = min(max(6.4 / size, 0.45), 0.8, 30 / size)
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

    Args:
        counts: Split -> class -> number of images, 0 or more. A class that a split does not
            name has no image there.

    Returns:
        A figure of horizontal bars, one group per class, that grows with their number.

    Raises:
        ValueError: There is no split or no class.
    """
    class_names = list(dict.fromkeys(name for classes in counts.values() for name in classes))
    if not class_names:
        raise ValueError("class balance needs at least one split with at least one class")
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


@style.own()
def accuracies(runs: Sequence[Mapping[str, Any]]) -> Figure:
    """Draws the accuracy of several runs, each with its interval, from the top down.

    Args:
        runs: At least one, each with "name", "accuracy" (0 to 1) and "accuracy_interval" (low and
            high end, 0 to 1).

    Returns:
        A figure of a dot and a horizontal line for each run, that grows with their number.

    Raises:
        ValueError: There is no run.
    """
    if not runs:
        raise ValueError("a figure of accuracies needs at least one run, but there is none")
    figure = Figure(figsize=(6.4, 1.1 + 0.4 * len(runs)), layout="constrained")
    axes = figure.subplots()
    for row, run in enumerate(runs):
        accuracy, (low, high) = run["accuracy"], run["accuracy_interval"]
        # Written out, since an accuracy of 1 may lie a rounding error above its interval.
        axes.plot((low, high), (row, row), color=COLOURS[0], linewidth=2, solid_capstyle="butt")
        axes.plot(accuracy, row, "o", color=COLOURS[0], markersize=7)
        axes.annotate(f"{accuracy:.1%}", (accuracy, row), (0, 7), textcoords="offset points",
                      ha="center", fontsize=9)  # fmt: skip
    axes.set_yticks(range(len(runs)), [printable(run["name"]) for run in runs])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(runs) - 0.5, -0.7)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.margins(x=0.1)
    axes.set_xlabel("Accuracy, with 95% interval")
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    quiet_frame(axes)
    return figure


def quiet_frame(axes: Axes) -> None:
    """Leaves a panel with a thin axis on the left and below."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FRAME)
    axes.tick_params(color=FRAME)


@style.own()
def save(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as PNG or JPEG by the suffix of `path`, with 120 dots per inch."""
    with local.atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
