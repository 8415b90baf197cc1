import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from trash_keras.metrics import calibration
from trash_keras.metrics.reliability import reliability_curve
from trash_keras.reporting.plots import base, class_figures, confidence, svg

EPOCHS = [
    {"phase": "head" if epoch < 5 else "finetune", "epoch": epoch, "loss": 1.0, "accuracy": 0.5,
     "val_loss": 1.0, "val_accuracy": 0.5}
    for epoch in range(9)
]  # fmt: skip
LABELS = np.array([0, 1, 1, 0])
PREDICTIONS = np.array([[0.9, 0.1], [0.3, 0.7], [0.8, 0.2], [0.6, 0.4]])


def drawn():
    yield base.learning_curves(EPOCHS)
    yield class_figures.class_balance({"train": {"a": 3}, "valid": {"a": 2}})
    bins, curve, points = (
        measure(LABELS, PREDICTIONS)
        for measure in (calibration.reliability, calibration.risk_coverage, reliability_curve)
    )
    yield confidence.reliability_diagram(points, bins)
    yield confidence.reliability_diagram(points, bins, points)
    yield confidence.risk_coverage(curve, 0.02)
    for coverage in (0.2, 0.9):
        chosen = {"threshold": 0.5, "coverage": coverage, "error": 0.1}
        yield confidence.risk_coverage(curve, 0.02, chosen)


def test_every_colour_of_our_figures_has_a_dark_counterpart():
    for figure in drawn():
        text = svg.draw(figure)
        body = text[text.index("</style>") :]
        assert not re.findall(r"(?:fill|stroke): #[0-9a-f]+", body)
        assert "var(--c0072b2)" in body and "@media (prefers-color-scheme: dark)" in text
        ElementTree.fromstring(text)


def test_letters_stay_letters_of_the_readers_own_font():
    text = svg.draw(base.learning_curves(EPOCHS))
    assert ">fine-tuning</text>" in text and ">class-weighted)</text>" in text
    assert "DejaVu" not in text and text.count("system-ui, sans-serif") > 10


def test_the_figure_gets_the_width_of_a_page():
    root = ElementTree.fromstring(svg.draw(base.learning_curves(EPOCHS)))
    assert float(root.attrib["viewBox"].split()[2]) == pytest.approx(svg.PAGE_WIDTH * 72)


def test_nothing_is_cut_off_at_the_width_of_a_page():
    for figure in drawn():
        svg.draw(figure)
        needed, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert needed.x0 >= 0 and needed.y0 >= 0 and needed.x1 <= width and needed.y1 <= height


def test_the_same_figure_gives_the_same_file():
    assert svg.draw(base.learning_curves(EPOCHS)) == svg.draw(base.learning_curves(EPOCHS))


def test_other_colours_and_texts_that_look_like_colours_stay():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], color="#123456")
    axes.set_title("fill of #0072b2")
    text = svg.draw(figure)
    assert "stroke: #123456" in text and ">fill of #0072b2</text>" in text


def test_a_perfect_classifier_and_one_image_can_be_drawn():
    for count in (1, 50):
        labels, predictions = np.zeros(count, int), np.tile([1.0, 0.0], (count, 1))
        curve = calibration.risk_coverage(labels, predictions)
        axes = confidence.risk_coverage(curve, 0.02).axes[0]
        assert axes.get_ylim()[1] > 0.02
        bins = calibration.reliability(labels, predictions)
        points = reliability_curve(labels, predictions)
        _, lower = confidence.reliability_diagram(points, bins).axes
        assert [bar.get_height() for bar in lower.patches] == [0] * 14 + [count]


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    generator = np.random.default_rng(0)
    predictions = generator.dirichlet([1, 1], 5000)
    curve = calibration.risk_coverage(generator.integers(0, 2, 5000), predictions)
    line = confidence.risk_coverage(curve, 0.02).axes[0].lines[0]
    x, y = line.get_data()
    assert len(x) == confidence.CURVE_POINTS
    assert (x[0], x[-1]) == (curve.coverage[0], 1) and y[-1] == curve.risk[-1]
