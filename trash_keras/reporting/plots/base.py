"""Figures: learning curves and accuracies of runs, and what all figures share.

A figure is as wide as a column of a paper, or as two (`style.ONE_COLUMN`, `style.TWO_COLUMNS`).
They use matplotlib's object interface, never pyplot: no figure is registered globally, so nothing
has to be closed, and no display is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from trash_keras.reporting.plots import fonts, style
from trash_keras.reporting.plots.direct_labels import LabelledLayout, label_ends
from trash_keras.reporting.plots.style import ONE_COLUMN, TWO_COLUMNS
from trash_keras.storage import local
from trash_keras.storage.names import printable

DOTS_PER_INCH = 120  # of images
FIGURE_DOTS_PER_INCH = 300  # what journals ask of pixels
TITLE_INCHES = 0.25
# Without their dates, files of the same figure are equal to the byte.
UNDATED: dict[str, dict[str, None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}
LONG_NAME = 24  # characters; longer ones need a second column
# A palette that people with the common colour vision deficiencies can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
QUIET = "#5f6b76"
PHASE_NAMES = {"head": "head only", "finetune": "fine-tuning", "scratch": "from scratch"}
GRID = "#e3e7ea"
FRAME = "#c9d0d6"
TEXT = "#1b2329"


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
    figure = Figure(figsize=(ONE_COLUMN, 3.6), layout=LabelledLayout())
    accuracy, loss = figure.subplots(2, 1, sharex=True)
    _draw_curve(accuracy, rows, "accuracy", "training", "validation")
    # The two losses are different quantities; without labels that say so, their gap misleads.
    _draw_curve(
        loss,
        rows,
        "loss",
        "training\n(label-smoothed,\nclass-weighted)",
        "validation\n(plain\ncross-entropy)",
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
    """Draws `key` and its `val_` counterpart into one panel, named where they end."""
    epochs = [int(row["epoch"]) + 1 for row in rows]
    # Markers keep a run of a single epoch visible; in a long run they would be clutter.
    marker = "o" if len(rows) <= 40 else ""
    curves = ((key, training, COLOURS[0]), (f"val_{key}", validation, COLOURS[1]))
    for name, label, colour in curves:
        values = [float(row[name]) for row in rows]
        axes.plot(epochs, values, label=label, color=colour, marker=marker, markersize=2)
    quiet_frame(axes)
    axes.grid(color=GRID)
    last = rows[-1]
    label_ends(axes, [(float(last[name]), label, colour) for name, label, colour in curves])


def _mark_phases(panels: Sequence[Axes], rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws a line at each change of phase, and the phases' names above the upper panel."""
    starts = [i for i, row in enumerate(rows) if i == 0 or row["phase"] != rows[i - 1]["phase"]]
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(rows)
        first, last = int(rows[start]["epoch"]) + 1, int(rows[end - 1]["epoch"]) + 1
        phase = str(rows[start]["phase"])
        # A short phase has no room in its middle: its name would lie over its neighbour's.
        place, align = (first + last) / 2, "center"
        if start == 0 and end < len(rows):
            place, align = first, "left"
        elif start > 0 and end == len(rows):
            place, align = last, "right"
        panels[0].text(
            place,
            1.02,
            phase_title(phase),
            transform=panels[0].get_xaxis_transform(),
            ha=align,
            color=QUIET,
            fontsize=style.LABEL_SIZE,
            parse_math=False,
        )
        if start > 0:
            for axes in panels:
                axes.axvline(first - 0.5, color=QUIET, linestyle="--", linewidth=1)


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
    names = [printable(run["name"]) for run in runs]
    width = ONE_COLUMN if max(map(len, names)) <= LONG_NAME else TWO_COLUMNS
    figure = Figure(figsize=(width, 0.7 + 0.3 * len(runs)), layout="constrained")
    axes = figure.subplots()
    for row, run in enumerate(runs):
        accuracy, (low, high) = run["accuracy"], run["accuracy_interval"]
        # Written out, since an accuracy of 1 may lie a rounding error above its interval.
        axes.plot((low, high), (row, row), color=COLOURS[0], linewidth=1.5, solid_capstyle="butt")
        axes.plot(accuracy, row, "o", color=COLOURS[0], markersize=4)
        axes.annotate(f"{accuracy:.1%}", (accuracy, row), (0, 4), textcoords="offset points",
                      ha="center", fontsize=style.LABEL_SIZE)  # fmt: skip
    axes.set_yticks(range(len(runs)), names)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(runs) - 0.5, -0.7)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.margins(x=0.1)
    axes.set_xlabel("Accuracy, with 95% interval")
    axes.grid(axis="x", color=GRID)
    quiet_frame(axes)
    return figure


def legend_above(axes: Axes, columns: int = 1) -> None:
    """Names what is in a panel above it, where nothing is drawn."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, columnspacing=1,
        labelspacing=0.2, borderaxespad=0.2, borderpad=0, handlelength=1.5, handletextpad=0.5,
    )  # fmt: skip


def quiet_frame(axes: Axes) -> None:
    """Leaves a panel with a thin axis on the left and below."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FRAME)
    axes.tick_params(color=FRAME)


@style.own()
def save(figure: Figure, path: str | os.PathLike) -> None:
    """Writes images as PNG or JPEG by the suffix of `path`, with 120 dots per inch."""
    with local.atomic_write(path) as temporary, fonts.legible(figure):
        figure.savefig(temporary, dpi=DOTS_PER_INCH)


@style.own()
def save_formats(figure: Figure, path: str | os.PathLike, title: str) -> None:
    """Writes a figure for a paper: as PNG, PDF and SVG, the same bytes for the same figure.

    The PDF embeds its font (TrueType; Type 3 where a class name needs letters of another font), the
    SVG has outlines, so that both look alike everywhere. The PNG has 300 dots per inch.

    Args:
        figure: Gets the title above, and the height that it needs.
        path: Without a suffix.
        title: A few words.

    Raises:
        OSError: A file cannot be written; those before it stand.
    """
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + TITLE_INCHES)
    figure.suptitle(title, parse_math=False)
    layout = figure.get_layout_engine()
    # Many publishers refuse Type 3, but Matplotlib says TrueType of every other font, too.
    with fonts.legible(figure), rc_context({"pdf.fonttype": 42 if fonts.is_own(figure) else 3}):
        for suffix, undated in UNDATED.items():
            with local.atomic_write(f"{os.fspath(path)}.{suffix}") as temporary:
                figure.savefig(temporary, dpi=FIGURE_DOTS_PER_INCH, metadata=undated)
            figure.set_layout_engine("none")  # laid out once: that takes most of the time
    figure.set_layout_engine(layout)
