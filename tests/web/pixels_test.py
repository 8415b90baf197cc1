"""Pixels in the browser against those of trash_keras/data/decoding.py.

The same to the bit for lossless files, within `pages.LOSSY_LEVELS` for lossy ones.
"""

import base64

import numpy as np
import pytest

from tests.support import colour_profiles, odd_files, pages
from trash_keras.data import decoding, formats

pytestmark = pytest.mark.slow
READ = """
const [data, metadata, done] = arguments;
import("./image_reader.js").then(async ({ ImageReader }) => {
  window.reader ??= new ImageReader();
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const { square } = await window.reader.read(new Blob([bytes]), metadata);
  done([...square]);
}).catch((error) => done(error.message));
"""
# The browser's decoders know no EXIF of WebP, take inks for inverted ones in any CMYK, insist on
# the end mark and don't look into comments. Only Safari has HEIC.
DIFFERENT = {"turned.webp", "turned_bare.webp", "cmyk_without_adobe.jpg", "inks_without_adobe.jpg",
             "no_end.png", "text_bomb.png"}  # fmt: skip
CORPUS = [file for file in odd_files.corpus() if file.name not in DIFFERENT]


@pytest.fixture(scope="module")
def read(make_browser, serve, float32_file):
    """Reads bytes as the page does: uint8 [side, side, 3], or the message why not."""
    browser = make_browser()
    browser.set_script_timeout(pages.SECONDS)
    browser.get(serve(float32_file))

    def square(encoded, side, resize):
        metadata = {"image_size": side, "resize": resize}
        found = browser.execute_async_script(READ, base64.b64encode(encoded).decode(), metadata)
        return found if isinstance(found, str) else np.array(found).reshape(side, side, 3)

    return square


def assert_seen_alike(found, expected, name, lossy):
    """Checks uint8 [side, side, 3] of the browser, or the message why there is none."""
    assert not isinstance(found, str), (name, found)
    levels = np.abs(found.astype(int) - expected).max()
    assert levels <= (pages.LOSSY_LEVELS if lossy else 0), (name, levels)


@pytest.mark.parametrize("resize", decoding.RESIZES)
def test_photographs_are_seen_alike(read, photographs, resize):
    for file in photographs:
        expected = decoding.load(file.read_bytes(), 64, resize)
        found = read(file.read_bytes(), 64, resize)
        assert_seen_alike(found, expected, file.name, lossy=file.suffix != ".png")


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (64, 64), (63, 65), (700, 3), (128, 256)])
@pytest.mark.parametrize("resize", decoding.RESIZES)
def test_any_shape_is_made_square_alike(read, resize, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    encoded = odd_files.save(odd_files.Image.fromarray(pixels), "PNG")
    expected = decoding.resize_to_square(pixels, 64, resize)
    np.testing.assert_array_equal(read(encoded, 64, resize), expected)


def test_odd_files_are_seen_alike(read):
    unread = ("HEIC", "TIFF")
    good = [f for f in CORPUS if f.colours and formats.identify(f.encoded) not in unread]
    assert len(good) > 70
    for file in good:
        expected = decoding.load(file.encoded, 48, "stretch")
        lossy = file.tolerance == odd_files.LOSSY
        assert_seen_alike(read(file.encoded, 48, "stretch"), expected, file.name, lossy)


def test_bad_files_are_refused_with_the_reason(read):
    bad = [file for file in CORPUS if file.reason]
    assert len(bad) >= 40
    for file in bad:
        message = read(file.encoded, 48, "stretch")
        assert isinstance(message, str), file.name
        expected = {odd_files.NOT_AN_IMAGE: "This is not a JPEG, PNG,", "empty file": "is empty"}
        kinds = "damaged, cut short or too large", "can't read", "over the limit of 100"
        words = [expected[file.reason]] if file.reason in expected else kinds
        assert any(part in message for part in words), (file.name, message)


@pytest.mark.parametrize("name", ["display_p3", "adobe_rgb", "swapped", "srgb", "garbage", "none"])
def test_a_colour_profile_is_converted_alike(read, name):
    profiles = {
        "swapped": colour_profiles.swapped(), "srgb": colour_profiles.srgb(),
        "garbage": b"no profile" * 30, "none": b"",
    }  # fmt: skip
    profile = profiles.get(name)
    if profile is None:
        profile = colour_profiles.with_primaries(name)
    encoded = odd_files.save(odd_files.IMAGE, "PNG", icc_profile=profile)
    found = read(encoded, 48, "stretch")
    difference = np.abs(found.astype(int) - decoding.load(encoded, 48, "stretch")).max()
    converted = name in ("display_p3", "adobe_rgb", "swapped")
    assert difference <= (2 if converted else 0)  # each converter has its own rounding
    plain = decoding.load(odd_files.save(odd_files.IMAGE, "PNG"), 48, "stretch")
    assert (np.abs(found.astype(int) - plain).max() > 10) == converted
