import json

import numpy as np
import pytest

from trash_keras.data import decoding
from trash_keras.metrics import saliency
from trash_keras.metrics.saliency import STEPS


def one_pixel(heat_map):
    """Measures a map of images whose prediction hangs on one white pixel in the corner."""
    images = np.zeros((3, 32, 32, 3), np.uint8)
    images[:, 0, 0] = 255

    def classify(batch):
        sure = (batch[:, 0, 0, 0] > 200).astype(float)
        return np.stack([sure, 1 - sure], axis=1)

    maps = np.repeat(heat_map[None], 3, axis=0)
    return saliency.measure(classify, images, maps, np.zeros(3, int))


def test_areas_of_a_worked_example():
    heat_map = np.zeros((4, 4))
    heat_map[0, 0] = 1
    found = one_pixel(heat_map)
    assert found["deletion"]["curves"]["grad_cam"] == [1] + [0] * STEPS
    assert found["insertion"]["curves"]["grad_cam"] == [0] + [1] * STEPS
    # The corner is the last pixel from the centre: its curves are those of the worst order.
    assert found["deletion"]["curves"]["centre"] == [1] * STEPS + [0]
    half_step = 0.5 / STEPS
    assert found["deletion"]["auc"]["grad_cam"] == pytest.approx(half_step)
    assert found["insertion"]["auc"]["grad_cam"] == pytest.approx(1 - half_step)
    difference = found["deletion"]["grad_cam_minus"]["centre"]
    assert difference["mean"] == pytest.approx(2 * half_step - 1)
    assert difference["interval"] == pytest.approx([2 * half_step - 1] * 2)
    assert found["pictures"] == 3 and found == one_pixel(heat_map)
    json.dumps(found, allow_nan=False)


def test_what_a_map_leaves_open_is_filled_by_chance_not_from_the_top():
    heat_map = np.zeros((4, 4))
    heat_map[3, 3] = 1
    curve = one_pixel(heat_map)["deletion"]["curves"]["grad_cam"]
    assert 0 < sum(curve) < STEPS + 1
    assert curve[2] > 0, "the white pixel at the top went first"


@pytest.fixture(scope="module")
def on_squares(squares):
    """Measures maps of images with a coloured square: `known` ones, or changed."""
    model, images, labels, boxes = squares
    known = np.zeros((12, 8, 8))
    for heat_map, (top, left) in zip(known, boxes, strict=True):
        heat_map[top // 4 : (top + 7) // 4 + 1, left // 4 : (left + 7) // 4 + 1] = 1

    def measure(change, seed=0):
        maps = change(known)
        return saliency.measure(model.predict_on_batch, images, maps, labels, seed)

    return measure


def test_maps_of_the_known_squares_win_both_tests(on_squares):
    found = on_squares(lambda known: known)
    for test, sign in (("deletion", -1), ("insertion", 1)):
        for other in ("random", "centre"):
            assert saliency.better(found, test, other)
            assert sign * found[test]["grad_cam_minus"][other]["mean"] > 0.05
            low, high = found[test]["grad_cam_minus"][other]["interval"]
            assert low <= found[test]["grad_cam_minus"][other]["mean"] <= high
    *_, verdict = saliency.paragraphs(found)
    assert verdict.endswith("in the middle of an image is, too.")


def test_maps_of_everything_else_lose_both(on_squares):
    found = on_squares(lambda known: 1 - known)
    assert not any(saliency.better(found, test, "random") for test in ("deletion", "insertion"))
    *_, verdict = saliency.paragraphs(found)
    assert verdict.startswith("By deletion and insertion the maps are not shown to be better")


def test_random_maps_are_as_good_as_random_ones(on_squares):
    rows = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        found = on_squares(lambda known, draw=generator.random: draw(known.shape), 100 + seed)
        rows.append(found["insertion"]["grad_cam_minus"]["random"])
    assert abs(np.mean([row["mean"] for row in rows])) < 0.03
    assert sum(row["interval"][0] < 0 < row["interval"][1] for row in rows) >= 7


def test_paragraphs_say_what_was_measured(on_squares):
    found = on_squares(lambda known: known)
    what, deletion, insertion, _ = saliency.paragraphs(found)
    assert what.startswith("On 12 images") and "BMVC 2018" in what
    assert f"area {found['deletion']['auc']['grad_cam']:.3f} for Grad-CAM" in deletion
    mean = found["insertion"]["grad_cam_minus"]["random"]["mean"]
    assert f"{mean:+.3f} against random patches" in insertion


@pytest.mark.parametrize(("beaten", "words"), [
    ((), "is not shown."), (("insertion",), "is shown by insertion alone."),
])  # fmt: skip
def test_the_middle_of_the_image_is_hard_to_beat(on_squares, beaten, words):
    found = on_squares(lambda known: known)
    for test in {"deletion", "insertion"} - set(beaten):
        found[test]["grad_cam_minus"]["centre"]["interval"] = [-0.1, 0.1]
    *_, verdict = saliency.paragraphs(found)
    assert verdict.endswith(words)


def test_one_image_is_too_few():
    with pytest.raises(ValueError, match=r"two images or more\. Received: 1"):
        saliency.measure(len, np.zeros((1, 4, 4, 3)), np.zeros((1, 2, 2)), np.zeros(1))


def slopes(height, width):
    """An image whose red rises from the top and whose green rises from the left."""
    down, across = np.meshgrid(np.linspace(0, 255, height), np.linspace(0, 255, width),
                               indexing="ij")  # fmt: skip
    return np.stack([down, across, down * 0], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("size", [(60, 100), (100, 60), (37, 37)])
@pytest.mark.parametrize("resize", decoding.RESIZES)
def test_a_map_of_the_square_comes_to_lie_on_the_same_parts_of_the_image(size, resize):
    image = slopes(*size)
    square = decoding.resize_to_square(image, 200, resize)
    for channel in range(2):
        enlarged = saliency.upsample(square[..., channel] / 255, *size, resize)
        assert enlarged.shape == size
        seen = ~np.isnan(enlarged)
        difference = np.abs(enlarged - image[..., channel] / 255)[seen]
        assert difference.mean() < 0.01 and np.quantile(difference, 0.95) < 0.05
        expected = min(size) ** 2 if resize == "crop" else size[0] * size[1]
        assert seen.sum() == pytest.approx(expected, rel=0.02)
