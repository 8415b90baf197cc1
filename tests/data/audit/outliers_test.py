import numpy as np
import pytest

from trash_keras.data.audit.inspection import InspectedImage, Place
from trash_keras.data.audit.outliers import MEASURES, find


def image(width=400, height=300, grey=(100, 160)):
    levels = np.resize(np.array(grey, np.uint8), (64, 64))
    return InspectedImage(
        Place("a", "a", "all"), "", "PNG", width, height, levels, np.zeros(8, np.uint64)
    )


@pytest.mark.parametrize(
    ("name", "odd", "value"),
    [
        ("size", {"width": 100, "height": 75}, 7500),
        ("size", {"width": 1600, "height": 1200}, 1_920_000),
        ("aspect", {"width": 100, "height": 1200}, 12),
        ("brightness", {"grey": (3, 7)}, 5),
        ("contrast", {"grey": (130, 130)}, 0),
    ],
)
def test_the_odd_one_is_found(name, odd, value):
    found = find([image()] * 7 + [image(**odd)], MEASURES[name])
    assert [item.index for item in found] == [7]
    assert found[0].value == value and abs(found[0].score) > 3.5


def test_small_differences_and_upright_images_are_no_outliers():
    images = [image()] * 9 + [image(300, 400), image(380, 300, (104, 163))]
    assert not any(find(images, measure) for measure in MEASURES.values())


def test_a_wide_spread_hides_what_a_narrow_one_shows():
    odd = image(grey=(150, 210))
    narrow = [image(grey=(100 + k, 160 + k)) for k in range(5)]
    wide = [image(grey=(60 + 20 * k, 120 + 20 * k)) for k in range(5)]
    assert find([*narrow, odd], MEASURES["brightness"])
    assert not find([*wide, odd], MEASURES["brightness"])


def test_the_furthest_comes_first():
    found = find([image()] * 9 + [image(100, 75), image(10, 8)], MEASURES["size"])
    assert [item.index for item in found] == [10, 9]


def test_the_rule_in_numbers():
    """Median 3, median absolute deviation 1: the score of 100 is 97 / 1.4826."""
    images = [image(grey=(level, level)) for level in (20, 60, 100, 140, 250)]
    (found,) = find(images + [image(grey=(100, 100))] * 4, MEASURES["brightness"])[:1]
    levels = np.array([20, 60, 100, 140, 250, 100, 100, 100, 100])
    spread = max(1.4826 * np.median(np.abs(levels - 100)), 5)
    assert found.score == pytest.approx((250 - 100) / spread)


def test_no_images():
    assert find([], MEASURES["size"]) == []
