import numpy as np
import pytest

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
def test_a_damaged_file_is_told_as_such(tmp_path, text):
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
