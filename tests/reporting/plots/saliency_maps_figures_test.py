import io

import numpy as np
import pytest
from PIL import Image

from trash_keras.metrics import saliency
from trash_keras.reporting.plots import saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps


@pytest.mark.parametrize("size", [(900, 300), (20, 30), (1, 700)])
def test_images_get_a_readable_size(size):
    found = saliency_maps.readable(np.zeros((*size, 3), np.uint8))
    assert max(found.shape) == saliency_maps.IMAGE_SIDE
    assert found.shape[0] / found.shape[1] == pytest.approx(size[0] / size[1], rel=0.6)


def test_a_image_stands_beside_its_evidence_with_a_legend():
    image, heat_map = np.full((30, 40, 3), 90, np.uint8), np.eye(3)
    figure = saliency_maps.explained(image, heat_map, "stretch", "gla$$ 93.4%")
    left, right, bar = figure.axes
    np.testing.assert_array_equal(left.images[0].get_array(), image)
    lit = saliency_maps.overlay(image, heat_map, "stretch")
    np.testing.assert_array_equal(right.images[0].get_array(), lit)
    assert figure.get_suptitle() == "gla$$ 93.4%"
    assert [label.get_text() for label in bar.get_xticklabels()] == ["none", "most"]
    figure.draw_without_rendering()


@pytest.mark.parametrize("size", [(1, 200), (200, 1), (60, 640), (20, 20)])
@pytest.mark.filterwarnings("error")
def test_a_strip_of_a_image_leaves_room_for_title_and_legend(size):
    image = saliency_maps.readable(np.zeros((*size, 3), np.uint8))
    figure = saliency_maps.explained(image, np.eye(7), "crop", "cardboard 100.0%")
    figure.draw_without_rendering()  # Matplotlib warns when a panel has no room
    inside = figure.get_window_extent()
    for text in (figure.texts[0], figure.axes[2].xaxis.label):
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1


def test_mistakes_stand_in_pairs():
    encoded = io.BytesIO()
    Image.new("RGB", (300, 200), "orange").save(encoded, "PNG")
    rows = [{"file": name, "truth": "a", "prediction": "b", "probability": 0.9}
            for name in ("seen.png", "gone.png", "unexplained.png")]  # fmt: skip
    maps = HeatMaps("stretch", {"seen.png": np.eye(2), "gone.png": np.eye(2)})
    figure = saliency_maps.top_errors_sheet(
        rows, maps, lambda files: {"seen.png": encoded.getvalue()}
    )
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["a → b", "90%"] * 2
    seen, lit, gone, _ = (axes.images[0].get_array() for axes in drawn)
    assert seen.shape == lit.shape == (160, 240, 3) and (seen == seen[0, 0]).all()
    assert np.ptp(lit) > 50 and (gone == saliency_maps.GONE).all()


def test_curves_of_both_tests_and_all_orders():
    rise = np.linspace(0.1, 0.9, saliency.STEPS + 1)
    orders = dict.fromkeys(saliency.ORDERS, 0.0)
    found = {
        "steps": saliency.STEPS,
        "deletion": {"auc": orders, "curves": dict.fromkeys(orders, rise[::-1])},
        "insertion": {"auc": orders | {"grad_cam": 0.4321},
                      "curves": dict.fromkeys(orders, rise)},
    }  # fmt: skip
    figure = saliency_maps.explanation_curves(found)
    for axes, expected in zip(figure.axes, (rise[::-1], rise), strict=True):
        assert len(axes.lines) == 3
        for line in axes.lines:
            np.testing.assert_allclose(line.get_ydata(), expected)
    assert "Grad-CAM, area 0.432" in [
        text.get_text() for text in figure.axes[1].get_legend().get_texts()
    ]
