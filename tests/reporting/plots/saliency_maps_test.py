import io

import numpy as np
import pytest
from PIL import Image

from trash_keras.metrics import saliency
from trash_keras.reporting.plots import saliency_maps
from trash_keras.reporting.plots.saliency_maps import HeatMaps


def slopes(height, width):
    """An image whose red rises from the top and whose green rises from the left."""
    down, across = np.meshgrid(np.linspace(0, 255, height), np.linspace(0, 255, width),
                               indexing="ij")  # fmt: skip
    return np.stack([down, across, down * 0], axis=-1).round().astype(np.uint8)


def test_colours_stand_for_evidence_and_grey_for_none():
    image = np.full((40, 40, 3), (200, 100, 50), np.uint8)
    dark, _, _, bright = saliency_maps.overlay(image, np.array([[0, 0.3, 0.6, 1.0]]), "stretch")[
        20, [0, 13, 26, 39]
    ].astype(int)
    assert np.ptp(dark) < 8 and bright.sum() > 2 * dark.sum()
    assert bright[0] > bright[2] + 50
    ramp = saliency_maps.legend(20)[0].astype(int) @ [299, 587, 114]
    assert (np.diff(ramp) > 0).all(), "more evidence is brighter, in print as well"


def test_what_the_model_did_not_see_is_dark():
    image = np.full((20, 60, 3), 200, np.uint8)
    found = saliency_maps.overlay(image, np.zeros((3, 3)), "crop")
    assert (found[:, :20] == found[:, 40:]).all() and found[10, 30].sum() > found[10, 5].sum()


def test_maps_come_back_from_their_file(tmp_path):
    maps = HeatMaps("crop", {"a/1.jpg": np.array([[0.1234, 1], [0, 0.5]], np.float32)})
    maps.save(tmp_path / "maps.json")
    found = HeatMaps.load(tmp_path / "maps.json")
    assert found.resize == "crop" and list(found.maps) == ["a/1.jpg"]
    np.testing.assert_allclose(found.maps["a/1.jpg"], [[0.123, 1], [0, 0.5]])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"maps": {}}', '{"resize": "crop", "maps": {"a": 1}}']
)
def test_a_damaged_file_is_an_error(tmp_path, text):
    (tmp_path / "maps.json").write_text(text)
    with pytest.raises(ValueError, match=r"No usable heat maps at .*maps\.json"):
        HeatMaps.load(tmp_path / "maps.json")


@pytest.mark.parametrize(("row", "column", "words"), [
    (0, 0, "upper left"), (0, 3, "top"), (3, 3, "middle"), (3, 6, "right"), (6, 0, "lower left"),
])  # fmt: skip
def test_the_place_of_a_map_in_words(row, column, words):
    heat_map = np.zeros((7, 7))
    assert saliency_maps.place(heat_map) == "nowhere"
    heat_map[row, column] = 1
    assert saliency_maps.place(heat_map) == words


@pytest.mark.parametrize("size", [(900, 300), (20, 30), (1, 700)])
def test_images_get_a_readable_size(size):
    found = saliency_maps.readable(np.zeros((*size, 3), np.uint8))
    assert max(found.shape) == saliency_maps.IMAGE_SIDE
    assert found.shape[0] / found.shape[1] == pytest.approx(size[0] / size[1], rel=0.6)


def test_an_image_stands_beside_its_evidence_with_a_legend():
    image, heat_map = np.full((30, 40, 3), 90, np.uint8), np.eye(3)
    figure = saliency_maps.explanation(image, heat_map, "stretch", "gla$$ 93.4%")
    left, right, bar = figure.axes
    np.testing.assert_array_equal(left.images[0].get_array(), image)
    evidence = saliency_maps.overlay(image, heat_map, "stretch")
    np.testing.assert_array_equal(right.images[0].get_array(), evidence)
    assert figure.get_suptitle() == "gla$$ 93.4%"
    assert [label.get_text() for label in bar.get_xticklabels()] == ["none", "most"]
    figure.draw_without_rendering()


@pytest.mark.parametrize("size", [(1, 200), (200, 1), (60, 640), (20, 20)])
@pytest.mark.filterwarnings("error")
def test_a_strip_of_an_image_leaves_room_for_title_and_legend(size):
    image = saliency_maps.readable(np.zeros((*size, 3), np.uint8))
    figure = saliency_maps.explanation(image, np.eye(7), "crop", "cardboard 100.0%")
    figure.draw_without_rendering()  # Matplotlib warns when a panel has no room
    inside = figure.get_window_extent()
    for text in (figure.texts[0], figure.axes[2].xaxis.label):
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1


def test_top_errors_stand_in_pairs():
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
    seen, evidence, unreadable, _ = (axes.images[0].get_array() for axes in drawn)
    assert seen.shape == evidence.shape == (160, 240, 3) and (seen == seen[0, 0]).all()
    assert np.ptp(evidence) > 50 and (unreadable == saliency_maps.UNREADABLE).all()


def test_curves_of_both_tests_and_all_orders():
    rise = np.linspace(0.1, 0.9, saliency.STEPS + 1)
    orders = dict.fromkeys(saliency.ORDERS, 0.0)
    found = {
        "steps": saliency.STEPS,
        "deletion": {"auc": orders, "curves": dict.fromkeys(orders, rise[::-1])},
        "insertion": {"auc": orders | {"grad_cam": 0.4321},
                      "curves": dict.fromkeys(orders, rise)},
    }  # fmt: skip
    figure = saliency_maps.faithfulness_curves(found)
    for axes, expected in zip(figure.axes, (rise[::-1], rise), strict=True):
        assert len(axes.lines) == 3
        for line in axes.lines:
            np.testing.assert_allclose(line.get_ydata(), expected)
    assert "Grad-CAM, area 0.432" in [
        text.get_text() for text in figure.axes[1].get_legend().get_texts()
    ]
