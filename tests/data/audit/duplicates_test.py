import numpy as np
import pytest
from PIL import Image, ImageFilter

from trash_keras.data.audit import duplicates
from trash_keras.data.audit.inspection import GREY_SIDE, ORIENTATIONS, orientations

ONE = np.array([[0, 1]])


def textured(seed, cells=12):
    coarse = np.random.default_rng(seed).integers(0, 256, (cells, cells), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((GREY_SIDE, GREY_SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(1)))


def shaded(across, down):
    ramp = np.linspace(0, 1, GREY_SIDE)
    return (60 + 120 * (across * ramp[None] + down * ramp[:, None])).astype(np.uint8)


def confirm(first, second):
    correlations, turns = duplicates.confirm(np.stack([first, second]), ONE)
    return correlations[0], ORIENTATIONS[turns[0]]


@pytest.mark.parametrize("turn", range(8))
def test_every_flip_and_rotation_is_the_same_image(turn):
    image = textured(0)
    correlation, orientation = confirm(orientations(image)[turn], image)
    assert correlation == pytest.approx(1, abs=1e-5) and orientation == ORIENTATIONS[turn]


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored left to right"),
        (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored top to bottom"),
        (Image.Transpose.ROTATE_180, "turned by 180°"),
        (Image.Transpose.ROTATE_90, "turned by 90° anticlockwise"),
        (Image.Transpose.ROTATE_270, "turned by 90° clockwise"),
    ],
)
def test_orientations_are_called_what_pillow_calls_them(operation, name):
    image = textured(0)
    turned = np.asarray(Image.fromarray(image).transpose(operation))
    np.testing.assert_array_equal(orientations(image)[ORIENTATIONS.index(name)], turned)


@pytest.mark.parametrize(("down", "right"), [(0, 7), (-6, 3), (8, 8)])
def test_a_shift_within_reach_is_undone(down, right):
    large = np.asarray(Image.fromarray(textured(1, 20)).resize((96, 96)))
    first = large[16:80, 16:80]
    second = large[16 + down : 80 + down, 16 + right : 80 + right]
    correlation, orientation = confirm(first, second)
    assert correlation > 0.97 and orientation == "as it is"


def test_light_and_contrast_do_not_matter():
    image = textured(2).astype(float)
    assert confirm(image, 40 + 0.5 * image)[0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_other_images_do_not_correlate(seed):
    assert confirm(textured(seed), textured(seed + 100))[0] < 0.5


def test_the_same_light_is_not_the_same_image():
    """Plain correlation takes two objects in the same shade for one image; detail does not."""
    first, second = shaded(1, 0.4), shaded(1, 0.4)
    first[10:22, 8:20] += 15
    second[40:46, 30:50] += 15
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.95
    assert confirm(first, second)[0] < 0.5


@pytest.mark.parametrize("slope", [(0, 0), (1, 0), (0.5, 0.5)])
def test_images_without_detail_prove_nothing(slope):
    assert confirm(shaded(*slope), shaded(*slope))[0] == 0


def test_candidates_are_all_pairs_of_a_plain_double_loop(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 7)
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, (40, 8), dtype=np.uint64)
    hashes[5, 3] = hashes[0, 0] ^ np.uint64(0b111)
    features = generator.normal(size=(40, 6)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    limits = duplicates.Thresholds(max_distance=18, min_similarity=0.8)
    expected = {
        (i, j)
        for i in range(40)
        for j in range(i + 1, 40)
        if min((int(hashes[i, 0]) ^ int(turned)).bit_count() for turned in hashes[j]) <= 18
        or features[i] @ features[j] >= 0.8
    }
    found = duplicates._candidates(hashes, features, limits)
    assert sorted(map(tuple, found.tolist())) == sorted(expected) and len(expected) > 3
    assert (0, 5) in expected


def test_too_many_candidates_say_what_to_do(monkeypatch):
    monkeypatch.setattr(duplicates, "MOST_CANDIDATES", 3)
    with pytest.raises(ValueError, match=r"More than 3 .* Lower the distance or raise"):
        duplicates._candidates(np.zeros((4, 8), np.uint64), None, duplicates.Thresholds())


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_distance", 65), ("max_distance", -1), ("min_similarity", 1.5), ("min_correlation", -1)],
)
def test_thresholds_have_limits(name, value):
    with pytest.raises(ValueError, match=f"--{name} must be between 0 and"):
        duplicates.Thresholds(**{name: value})
