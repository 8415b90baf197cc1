import keras
import numpy as np
import pytest

from tests.support.augmentation import check_augmentation
from trash_keras.data.augmentation.affine import RandomAffine
from trash_keras.data.augmentation.layers import apply_layers

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 9, 9, 3)).astype("float32")
NUMBERS = ("across", "down", "angle", "zoom", "right", "below", "diagonal", "squeeze")


@pytest.fixture
def moved(monkeypatch):
    """Returns IMAGES changed by a layer that draws these numbers of -1..1, and 0 for others."""

    def change(layer, **numbers):
        drawn = np.array([[numbers.get(name, 0)] * len(IMAGES) for name in NUMBERS], "float32")
        monkeypatch.setattr(keras.random, "uniform", lambda *given, **named: drawn)
        found = layer.get_random_transformation(IMAGES, True, None)
        return layer.transform_images(IMAGES, found, True).numpy()

    return change


BOTH = ("horizontal", "vertical")
ALL = (*BOTH, "diagonal")


@pytest.mark.parametrize(
    ("settings", "numbers", "expected"),
    [
        ((BOTH, 30, 0.2, 0.1), {}, IMAGES),
        (((), 0, 0, 0), dict.fromkeys(NUMBERS, -1), IMAGES),
        ((BOTH, 0, 0, 0), {"across": -0.1}, IMAGES[:, :, ::-1]),
        ((BOTH, 0, 0, 0), {"down": -0.1}, IMAGES[:, ::-1]),
        ((("vertical",), 0, 0, 0), {"across": -1, "down": -1}, IMAGES[:, ::-1]),
        (((), 180, 0, 0), {"angle": 0.5}, np.rot90(IMAGES, 1, (1, 2))),
        (((), 180, 0, 0), {"angle": -1}, IMAGES[:, ::-1, ::-1]),
        # Mirrored where it had turned: first the mirror, then the turn.
        ((BOTH, 90, 0, 0), {"across": -1, "angle": 1}, np.rot90(IMAGES[:, :, ::-1], 1, (1, 2))),
        ((BOTH, 0, 0, 0), {"diagonal": -1}, IMAGES),
        ((ALL, 0, 0, 0), {"diagonal": -1}, IMAGES.swapaxes(1, 2)),
        ((ALL, 0, 0, 0), {"across": -1, "diagonal": -1}, np.rot90(IMAGES, 1, (1, 2))),
        ((ALL, 0, 0, 0), {"down": -1, "diagonal": -1}, np.rot90(IMAGES, -1, (1, 2))),
    ],
)
def test_flips_and_quarter_turns_move_whole_pixels(moved, settings, numbers, expected):
    np.testing.assert_allclose(moved(RandomAffine(*settings), **numbers), expected, atol=0.05)


def test_pixels_are_those_of_keras():
    layer = RandomAffine(ALL, 180, 0.9, 0.9, aspect_ratio=4)  # far into the mirror images
    images = np.random.default_rng(1).integers(0, 256, (32, 20, 28, 3), np.uint8)
    found = layer.get_random_transformation(images, True, keras.random.SeedGenerator(0))
    expected = keras.ops.image.affine_transform(
        images.astype("float32"), found, interpolation="bilinear", fill_mode="reflect"
    )
    for given in (images, images.astype("float32")):
        changed = layer.transform_images(given, found, True)
        np.testing.assert_allclose(changed, expected, atol=0.05)


def test_an_image_of_one_pixel_stays():
    pixel = np.full((4, 1, 1, 3), 90, np.uint8)
    np.testing.assert_allclose(RandomAffine(ALL, 30, 0.2, 0.1)(pixel), pixel, atol=1e-3)


def test_a_shift_moves_by_its_share_of_the_side_and_mirrors_what_is_missing(moved):
    right = moved(RandomAffine((), 0, 0, 2 / 9), right=1)
    np.testing.assert_allclose(right[:, :, 2:], IMAGES[:, :, :-2], atol=0.05)
    np.testing.assert_allclose(right[:, :, 1::-1], IMAGES[:, :, :2], atol=0.05)
    up = moved(RandomAffine((), 0, 0, 1 / 9), below=-1)
    np.testing.assert_allclose(up[:, :-1], IMAGES[:, 1:], atol=0.05)


def test_a_zoom_keeps_the_middle_and_the_proportions(moved):
    closer = moved(RandomAffine((), 0, 0.5, 0), zoom=-1)
    np.testing.assert_allclose(closer[:, ::2, ::2], IMAGES[:, 2:7, 2:7], atol=0.05)
    farther = moved(RandomAffine((), 0, 0.5, 0), zoom=1)
    assert farther[0, 4, 4] == pytest.approx(IMAGES[0, 4, 4], abs=0.05)
    between = IMAGES[:, 4, [2, 3, 5, 6]].reshape(3, 2, 2, 3).mean(axis=2)
    np.testing.assert_allclose(farther[:, 4, [3, 5]], between, atol=0.05)


@pytest.mark.parametrize(("squeeze", "axis"), [(1, 2), (-1, 1)])
def test_another_aspect_ratio_squeezes_one_axis_and_shows_more_of_it(moved, squeeze, axis):
    squeezed = moved(RandomAffine((), 0, 0, 0, aspect_ratio=2), squeeze=squeeze)
    inner = np.take(squeezed, range(2, 7), axis)
    np.testing.assert_allclose(inner, np.take(IMAGES, range(0, 9, 2), axis), atol=0.05)
    half = moved(RandomAffine((), 0, 0, 0, aspect_ratio=4), squeeze=squeeze / 2)
    np.testing.assert_allclose(half, squeezed, atol=0.05)


def test_frames_squeeze_what_is_turned_already(moved):
    layer = RandomAffine(ALL, 0, 0, 0, aspect_ratio=2)
    found = moved(layer, diagonal=-1, squeeze=1)
    expected = moved(RandomAffine((), 0, 0, 0, aspect_ratio=2), squeeze=-1).swapaxes(1, 2)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_fine_detail_survives_better_than_in_three_layers_in_turn():
    noise = np.random.default_rng(0).uniform(0, 255, (64, 64, 64, 3)).astype("float32")

    def detail(layers):
        changed = apply_layers(layers, 0, noise, 0).numpy()[:, 16:-16, 16:-16]
        return np.median(np.diff(np.diff(changed, axis=1), axis=2).var(axis=(1, 2, 3)))

    in_turn = [
        keras.layers.RandomRotation(30 / 360),
        keras.layers.RandomZoom(0.2),
        keras.layers.RandomTranslation(0.1, 0.1),
    ]
    assert detail([RandomAffine((), 30, 0.2, 0.1)]) > 2 * detail(in_turn)


def test_all_strengths_are_drawn_evenly_up_to_their_bounds():
    layer = RandomAffine(BOTH, 30, 0.2, 0.1)
    seed = keras.random.SeedGenerator(0)
    wide = np.zeros((4000, 101, 201, 3))
    rows = layer.get_random_transformation(wide, True, seed).numpy()
    assert rows.shape == (4000, 8) and not rows[:, 6:].any()
    linear, offset = rows[:, [0, 1, 3, 4]].reshape(-1, 2, 2), rows[:, [2, 5]]
    area = np.linalg.det(linear)
    zoom, mirrored_once = np.sqrt(np.abs(area)), area < 0
    turns = np.degrees(np.arcsin(linear[:, 1, 0] / zoom))[~mirrored_once]
    assert np.mean(mirrored_once) == pytest.approx(0.5, abs=0.05)
    for values, low, high in ((zoom, 0.8, 1.2), (turns, -30, 30)):
        assert low <= values.min() + 1e-4 and values.max() <= high + 1e-4
        assert np.std(values) == pytest.approx((high - low) / 12**0.5, rel=0.05)
    middle = np.array([100, 50])
    shift = np.linalg.solve(linear, (middle - offset)[..., None])[..., 0] - middle
    assert np.abs(shift).max(axis=0) == pytest.approx([20.1, 10.1], rel=0.02)


def test_it_is_a_layer_like_those_of_keras(tmp_path):
    check_augmentation(RandomAffine(ALL, 30, 0.2, 0.1, 1.5, name="affine"), tmp_path)
