"""Labels beside the ends of lines stay near them, and never lie over each other."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from tests.support.figures import assert_no_overlap, assert_nothing_cut_off
from trash_keras.metrics import calibration
from trash_keras.reporting.plots import base, confidence, direct_labels, svg
from trash_keras.reporting.plots.direct_labels import LabelledLayout, spread


def test_labels_that_do_not_touch_stay():
    wanted = np.array([50.0, 10, 30])
    np.testing.assert_allclose(spread(wanted, np.full(3, 10)), wanted)


def test_labels_of_one_place_are_spread_around_it():
    np.testing.assert_allclose(spread(np.array([7.0, 7, 7]), np.full(3, 10)), [-3, 7, 17])
    # A tall one and a low one touch half-way between their middles.
    np.testing.assert_allclose(spread(np.array([0.0, 0]), np.array([30, 10])), [-10, 10])


@pytest.mark.parametrize("seed", range(20))
def test_any_labels_keep_their_order_and_their_distance(seed):
    generator = np.random.default_rng(seed)
    wanted, heights = generator.uniform(0, 100, 9), generator.uniform(1, 30, 9)
    places, order = spread(wanted, heights), np.argsort(wanted)
    for lower, upper in itertools.pairwise(order):
        assert places[upper] - places[lower] >= (heights[lower] + heights[upper]) / 2 - 1e-9
    assert places.mean() == pytest.approx(wanted.mean()), "the least shift moves none on average"


def figures():
    for ends in ((0.5, 0.5), (0.9, 0.91), (0.1, 0.9), (1, 1), (0, 0)):
        for last in (3, 20):
            rows = [
                {"phase": "head" if epoch < last else "finetune", "epoch": epoch,
                 "loss": ends[0], "val_loss": ends[1],
                 "accuracy": ends[0], "val_accuracy": ends[1]}
                for epoch in range(22)
            ]  # fmt: skip
            yield base.learning_curves(rows)
    curve = calibration.risk_coverage(np.array([0, 1, 1]), np.array([[0.9, 0.1]] * 3))
    for error in (0.0, 0.019, 0.02, 0.021, 0.5):
        chosen = {"threshold": 0.5, "coverage": 1 - error, "error": error}
        yield confidence.risk_coverage(curve, 0.02, chosen)


def tick_labels(axes):
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick in axis.get_major_ticks():
            if tick.label1.get_visible() and limits[0] <= tick.get_loc() <= limits[1]:
                yield tick.label1


@pytest.mark.parametrize("width", [None, svg.PAGE_WIDTH, 3], ids=["paper", "page", "small"])
def test_labels_of_our_figures_do_not_overlap_at_any_size(width):
    for figure in figures():
        if width:
            figure.set_size_inches(width, width)
        assert_nothing_cut_off(figure)
        for axes in figure.axes:
            labels = [text for text in axes.texts if isinstance(text, Annotation)]
            assert len(labels) == 2
            assert_no_overlap([*axes.texts, *tick_labels(axes)])
            right = axes.get_window_extent().x1
            assert all(label.get_window_extent().x0 > right for label in labels)


def test_a_figure_without_the_layout_is_refused():
    with pytest.raises(ValueError, match="LabelledLayout"):
        direct_labels.label_ends(Figure(layout="constrained").subplots(), [(0, "a", "black")])
    direct_labels.label_ends(Figure(layout=LabelledLayout()).subplots(), [(0, "a", "black")])
