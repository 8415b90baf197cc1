import colorsys

import numpy as np
import pytest

from trash_keras.data.sources import synthetic_canvas, synthetic_objects

CLASS_NAMES = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
COLOUR = (150, 120, 90)
ROWS, COLUMNS = (
    np.mgrid[: synthetic_canvas.CANVAS, : synthetic_canvas.CANVAS]
    + 0.5
    - synthetic_canvas.CANVAS / 2
)


def paint(name, seed, colour=COLOUR):
    return np.asarray(synthetic_objects.PAINTERS[name](np.random.default_rng(seed), colour))


@pytest.fixture(scope="module")
def objects():
    """Ten objects of each class, all of one colour: uint8 [6, 10, 256, 256, 4]."""
    return np.array([[paint(name, seed) for seed in range(10)] for name in CLASS_NAMES])


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_an_object_is_a_pure_function_of_generator_and_colour(name):
    first = paint(name, 1)
    assert (
        first.shape == (synthetic_canvas.CANVAS, synthetic_canvas.CANVAS, 4)
        and first.dtype == np.uint8
    )
    np.testing.assert_array_equal(first, paint(name, 1))
    assert (first != paint(name, 2)).any()
    if name != "trash":  # its lumps bring their own colours
        other = paint(name, 1, (20, 60, 200))
        assert (first[..., :3] != other[..., :3]).any(axis=-1).mean() > 0.03


def test_objects_lie_inside_the_circle_so_that_turning_cuts_little_off(objects):
    painted = objects[..., 3] > 0
    assert painted.mean(axis=(2, 3)).min() > 0.1 and painted.mean(axis=(2, 3)).max() < 0.6
    outside = painted & (np.hypot(ROWS, COLUMNS) > synthetic_canvas.CANVAS / 2)
    assert (outside.sum(axis=(2, 3)) / painted.sum(axis=(2, 3))).max() < 0.05


def test_shape_and_texture_alone_tell_the_classes_apart(objects):
    """The nearest other object, by edges in an 8x8 grid, is mostly one of the same class."""
    grey = objects[..., :3].mean(axis=-1) * (objects[..., 3] / 255)
    edges = [np.abs(np.diff(grey, axis=axis))[..., :248, :248] for axis in (2, 3)]
    cells = [edge.reshape(60, 8, 31, 8, 31).mean(axis=(2, 4)).reshape(60, 64) for edge in edges]
    features, labels = np.hstack(cells), np.repeat(np.arange(6), 10)
    distances = np.square(features[:, None] - features[None]).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.8


def test_glass_is_see_through_and_cardboard_is_not(objects):
    alpha = dict(zip(CLASS_NAMES, objects[..., 3], strict=True))
    solid = {name: (a == 255).sum() / (a > 0).sum() for name, a in alpha.items()}
    assert solid["glass"] < 0.3 and solid["cardboard"] > 0.95


def test_most_but_not_all_objects_have_the_colour_of_their_class():
    generator = np.random.default_rng(0)
    colours = np.array([synthetic_canvas.pick_colour(generator, "metal") for _ in range(500)])
    assert colours.min() >= 0 and colours.max() <= 255 and colours.shape == (500, 3)
    greyish = np.mean([colorsys.rgb_to_hsv(*colour / 255)[1] < 0.17 for colour in colours])
    assert 0.65 < greyish < 0.9
    anything = np.array([synthetic_canvas.pick_colour(generator) for _ in range(500)])
    assert np.mean([colorsys.rgb_to_hsv(*colour / 255)[1] < 0.17 for colour in anything]) < 0.35


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(0.5, (50, 100, 0, 255)), (1, (100, 200, 0, 255)), (1.5, (178, 228, 128, 255)),
     (3, (255, 255, 255, 255))],
)  # fmt: skip
def test_tinting_darkens_to_black_and_brightens_to_white(factor, expected):
    assert synthetic_canvas.tint((100, 200, 0), factor) == expected
