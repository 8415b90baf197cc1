import numpy as np
import pytest

from trash_keras.data.augmentation import foreground

SIDE = 96
Y, X = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
DISC = (X - 0.5) ** 2 + (Y - 0.5) ** 2 < 0.25**2
WHITE = np.array([220, 220, 215])


def board(colour=WHITE, noise=2.0):
    """Board with light that falls off to one side, a soft shadow and grain."""
    shadow = np.exp(-((X - 0.75) ** 2 + (Y - 0.5) ** 2) / 0.02)
    light = 1 - 0.2 * X - 0.15 * Y - 0.15 * shadow
    grain = np.random.default_rng(0).normal(0, noise, (SIDE, SIDE, 1))
    return np.clip(colour * light[..., None] + grain, 0, 255).astype("float32")


def find(image):
    share, colour, usable = foreground.segment(image[None])
    return share[0, ..., 0].numpy(), colour[0].numpy(), bool(usable[0])


def small(mask):
    return mask[:: SIDE // 32, :: SIDE // 32]


@pytest.mark.parametrize("colour", [[40, 90, 60], [150, 30, 30], [70, 70, 70]])
def test_an_object_is_told_from_board_with_uneven_light_and_shadow(colour):
    share, _, usable = find(np.where(DISC[..., None], colour, board()).astype("float32"))
    share = share[::2, ::2]
    assert usable
    inner = small((X - 0.5) ** 2 + (Y - 0.5) ** 2 < 0.2**2)
    outer = small((X - 0.5) ** 2 + (Y - 0.5) ** 2 > 0.3**2)
    assert share[inner].mean() > 0.95
    assert share[outer].mean() < 0.05


def test_an_object_may_reach_the_rim():
    bottle = (np.abs(Y - 0.5) < 0.2) & (X < 0.7)
    share, colour, usable = find(
        np.where(bottle[..., None], [30, 60, 30], board()).astype("float32")
    )
    assert usable
    assert share[32, :40].mean() > 0.95 and share[:14].mean() < 0.05
    np.testing.assert_allclose(colour[2, 2], WHITE, atol=8)  # the bottle is not board


@pytest.mark.parametrize(
    "image",
    [
        board(),
        board(np.array([190, 140, 90])),
        np.where(DISC[..., None], 20, board(np.array([190, 140, 90]))),
        np.where(DISC[..., None], 200, board(np.array([50, 50, 50]))),
        np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE, 3)),
        np.where((X + Y < 0.12)[..., None], 20, board()),
    ],
    ids=["empty", "cardboard", "on cardboard", "on black", "noise", "speck"],
)
def test_images_without_an_object_on_board_are_not_usable(image):
    assert not find(image.astype("float32"))[2]


def test_an_outline_is_no_object():
    radius = np.sqrt((X - 0.5) ** 2 + (Y - 0.5) ** 2)
    arc = (np.abs(radius - 0.35) < 0.04) & (X > 0.5)  # what is found of white paper
    assert not find(np.where(arc[..., None], 60, board()).astype("float32"))[2]


@pytest.mark.parametrize("side", [16, 33, 128])
def test_any_size_of_image(side):
    image = np.full((1, side, side, 3), 220, "float32")
    image[:, side // 4 : -side // 4, side // 4 : -side // 4] = [200, 20, 20]
    share, _, usable = foreground.segment(image)
    assert share.shape == (1, foreground.SIDE, foreground.SIDE, 1) and usable[0]
    assert 0.15 < np.mean(share) < 0.35
