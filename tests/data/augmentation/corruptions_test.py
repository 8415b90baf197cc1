import numpy as np
import pytest
from PIL import Image

from trash_keras.data.augmentation import corruptions

SIDE = 224
# Board with a patchwork on it: every kind of change has something to change.
PATCHES = np.random.default_rng(0).integers(0, 160, (20, 20, 3), dtype=np.uint8)
IMAGE = np.full((SIDE, SIDE, 3), 200, np.uint8)
IMAGE[60:160, 60:160] = PATCHES.repeat(5, 0).repeat(5, 1)


def corrupt(kind, severity, image=IMAGE, seed=0, name="glass/1.jpg"):
    return corruptions.corrupt(image, kind, severity, seed, name)


def distance(one, other):
    return np.abs(one.astype(float) - other.astype(float)).mean()


@pytest.mark.parametrize("kind", corruptions.CORRUPTIONS)
def test_each_kind_grows_with_its_severity_and_repeats_itself(kind):
    changed = [corrupt(kind, severity) for severity in corruptions.SEVERITIES]
    for image in changed:
        assert image.shape == IMAGE.shape and image.dtype == np.uint8
    # Any two turns of a patchwork are about as far from it; all else grows from first to last.
    sizes = [distance(IMAGE, image) for image in changed]
    assert sizes[0] > 0.5 and len(set(sizes)) == 5
    assert sizes[-1] > sizes[0] or kind == "rotation"
    np.testing.assert_array_equal(changed[2], corrupt(kind, 3))


@pytest.mark.parametrize("kind", ["noise", "rotation", "scale", "background"])
def test_random_corruptions_depend_on_seed_and_image(kind):
    found = {
        corrupt(kind, 5, seed=seed, name=f"{name}.jpg").tobytes()
        for seed in range(3)
        for name in range(3)
    }
    assert len(found) >= 2


@pytest.mark.parametrize("kind", ["brightness", "contrast", "blur", "jpeg"])
def test_the_other_corruptions_are_the_same_for_every_seed(kind):
    np.testing.assert_array_equal(corrupt(kind, 5), corrupt(kind, 5, seed=1, name="other.jpg"))


@pytest.mark.parametrize("kind", corruptions.CORRUPTIONS)
@pytest.mark.parametrize("side", [16, 33, 300])
def test_any_size_of_image(kind, side):
    image = np.asarray(Image.fromarray(IMAGE).resize((side, side)))
    assert corrupt(kind, 5, image).shape == (side, side, 3)


def test_brightness_adds_to_the_value_and_keeps_hue_and_saturation():
    colours = np.array([[[100, 50, 25], [200, 200, 200], [0, 0, 0], [255, 10, 10]]], np.uint8)
    brighter = corrupt("brightness", 2, colours)  # 0.2 of 255 is 51
    expected = [[[151, 76, 38], [251, 251, 251], [51, 51, 51], [255, 10, 10]]]
    np.testing.assert_allclose(brighter, expected, atol=1)


def test_contrast_keeps_the_mean_of_each_channel():
    flatter = corrupt("contrast", 4)
    np.testing.assert_allclose(flatter.mean((0, 1)), IMAGE.mean((0, 1)), atol=0.5)
    assert flatter.std() == pytest.approx(0.1 * (IMAGE - IMAGE.mean((0, 1))).std(), abs=6)


def test_blur_spreads_a_point_over_its_disk():
    point = np.zeros((SIDE, SIDE, 3), np.uint8)
    point[100, 100] = 255
    bright = point.copy()
    bright[90:111, 90:111] = 255
    # Radius 3: 29 pixels share the light of one.
    assert (corrupt("blur", 1, point)[..., 0] > 4).sum() == 29
    assert corrupt("blur", 5, bright).mean() == pytest.approx(bright.mean(), rel=0.05)


def test_blur_takes_the_same_share_of_an_image_of_any_size():
    large = np.asarray(Image.fromarray(IMAGE).resize((448, 448)))
    small = Image.fromarray(corrupt("blur", 4, large)).resize((SIDE, SIDE))
    assert distance(np.asarray(small), corrupt("blur", 4)) < 2
    assert distance(IMAGE, corrupt("blur", 4)) > 8


def test_noise_has_its_deviation():
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    noisy = corrupt("noise", 2, grey).astype(float)
    assert noisy.std() == pytest.approx(0.12 * 255, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.5)


def test_a_quarter_turn_turns_a_quarter():
    turned = corrupt("rotation", 5)
    best = min(distance(turned, np.rot90(IMAGE, turns)) for turns in (1, 3))
    assert best < 1 < distance(turned, IMAGE)


def test_scale_makes_the_square_larger_or_smaller():
    def extent(image):
        return (np.abs(image.astype(int) - 200).max((0, 2)) > 20).sum()

    found = {round(extent(corrupt("scale", 3, name=f"{name}")) / 100, 1) for name in range(12)}
    assert found == {0.5, 2.0}


def test_background_changes_the_board_alone():
    changed = corrupt("background", 5)
    assert distance(changed[80:140, 80:140], IMAGE[80:140, 80:140]) < 2
    assert distance(changed[:40], IMAGE[:40]) > 10
    full = np.full_like(IMAGE, [190, 140, 90])
    np.testing.assert_array_equal(corrupt("background", 5, full), full)


@pytest.mark.parametrize(("name", "ratio"), corruptions.FRAMES.items())
@pytest.mark.parametrize("size", [(384, 512), (512, 384), (30, 40), (9, 7)])
def test_a_frame_continues_the_ground_and_loses_nothing(name, ratio, size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    framed = corruptions.extend_to_frame(image, ratio)
    height, width = framed.shape[:2]
    assert abs(width - height * ratio) <= 1 and framed.dtype == np.uint8
    assert height == size[0] or width == size[1]
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    inner = framed[top : top + size[0], left : left + size[1]]
    np.testing.assert_array_equal(inner, image)
    ground = np.full((*size, 3), 200, np.uint8)
    ground[1:-1, 1:-1] = image[1:-1, 1:-1]
    outside = corruptions.extend_to_frame(ground, ratio)
    outside[top : top + size[0], left : left + size[1]] = 200
    assert (outside == 200).all()
