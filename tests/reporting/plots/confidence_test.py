"""The reliability diagram shows bins with their intervals; the histogram stays below."""

import numpy as np
import pytest

from tests.support.figures import assert_nothing_cut_off
from trash_keras.metrics import calibration
from trash_keras.metrics.reliability import reliability_curve
from trash_keras.reporting.plots import confidence


@pytest.fixture
def found():
    generator = np.random.default_rng(0)
    sure = 1 - generator.beta(1, 9, 205) / 2
    labels = (generator.random(205) > sure).astype(int)
    return labels, np.stack([sure, 1 - sure], axis=1)


@pytest.mark.parametrize("calibrated", [True, False])
def test_every_bin_is_a_point_with_its_interval(found, calibrated):
    curve = reliability_curve(*found)
    before = reliability_curve(found[0], calibration.apply_temperature(found[1], 2))
    figure = confidence.reliability_diagram(
        curve, calibration.reliability(*found), before if calibrated else None
    )
    assert_nothing_cut_off(figure)
    upper, lower = figure.axes
    (intervals,) = upper.collections
    drawn = np.array([segment[:, 1] for segment in intervals.get_segments()])
    np.testing.assert_allclose(drawn, curve.interval)
    points = {line.get_label(): line for line in upper.lines}
    np.testing.assert_allclose(points["this model (95% interval)"].get_ydata(), curve.accuracy)
    assert ("before calibration" in points) == calibrated
    assert upper.get_xlabel() == "Mean confidence of 20 or 21 images"
    assert sum(bar.get_height() for bar in lower.patches) == 205


def test_no_bin_lies_outside_the_panel(found):
    curve = reliability_curve(*found)
    upper, _ = confidence.reliability_diagram(curve, calibration.reliability(*found)).axes
    low, high = upper.get_xlim()
    assert upper.get_ylim() == (low, high) and high > 1
    assert low <= min(curve.confidence.min(), curve.interval.min())
