"""Colour profiles: what is converted to sRGB, and what stays as it is to the bit."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support import colour_profiles, odd_files
from trash_keras import pretrained
from trash_keras.data import decoding
from trash_keras.predictor import Predictor

SCENE = odd_files.IMAGE
P3 = colour_profiles.with_primaries("display_p3")


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def off(file: bytes, expected=SCENE) -> int:
    """The largest difference in levels."""
    return int(np.abs(decoding.decode(file).astype(int) - np.asarray(expected, int)).max())


@pytest.mark.parametrize("name", colour_profiles.PRIMARIES)
@pytest.mark.parametrize("kind", ["PNG", "WebP", "TIFF"])
def test_a_copy_in_another_space_is_seen_like_the_original(name, kind):
    if kind == "TIFF":
        pytest.importorskip("PIL.TiffImagePlugin")
        try:
            decoding.decode(encoded(SCENE, "TIFF"))
        except decoding.UndecodableError:
            pytest.skip("TIFF is not read")
    profile = colour_profiles.with_primaries(name)
    copy = colour_profiles.copy_in(SCENE, profile)
    options = {"lossless": True} if kind == "WebP" else {}
    plain = np.abs(np.asarray(copy, int) - np.asarray(SCENE, int)).max()
    assert plain > 15, "the numbers in the file are others"
    assert off(encoded(copy, kind, icc_profile=profile, **options)) <= 2


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "WebP", "AVIF", "HEIF"])
def test_photographs_of_phones_are_converted(kind):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif", reason="needs the extra heif")
    copy = colour_profiles.copy_in(SCENE, P3)
    middles = np.s_[8::16, 16::32]
    for profile, converted in ((P3, True), (b"", False)):
        file = odd_files.save(copy, kind, quality=95, icc_profile=profile)
        found = decoding.decode(file)[middles].astype(int)
        difference = np.abs(found - np.asarray(SCENE, int)[middles]).max()
        assert (difference <= 20) == converted, difference  # levels; unconverted some 40


def test_bitmaps_of_a_caller_are_converted_alike():
    copy = colour_profiles.copy_in(SCENE, P3)
    file = encoded(copy, icc_profile=P3)
    opened = Image.open(io.BytesIO(file))
    np.testing.assert_array_equal(
        decoding.load_pil(opened, 32, "stretch"), decoding.load(file, 32, "stretch")
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "LA", "1"])
def test_without_a_profile_nothing_changes_to_the_bit(mode):
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    if kind == "TIFF":  # as a caller's own image, which needs no file
        found = decoding.load_pil(image, 16, "stretch")
        assert (found == decoding.resize_to_square(np.asarray(image.convert("RGB")), 16,
                                                   "stretch")).all()  # fmt: skip
        return
    np.testing.assert_array_equal(
        decoding.decode(encoded(image, kind)), np.asarray(image.convert("RGB"))
    )


ODD = {
    "srgb": colour_profiles.srgb(),
    "cmyk": colour_profiles.of_space(b"CMYK"),
    "grey": colour_profiles.of_space(b"GRAY"),
    "lab": colour_profiles.lab(),
    "truncated": P3[:200],
    "header alone": P3[:128],
    "garbage": b"no profile at all" * 20,
    "one byte": b"x",
    "wrong offsets": P3[:132] + bytes([255] * (len(P3) - 132)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_odd_profiles_leave_the_pixels_alone(name, mode):
    image = SCENE.convert(mode)
    file = encoded(image, icc_profile=ODD[name])
    np.testing.assert_array_equal(decoding.decode(file), np.asarray(image.convert("RGB")))


def test_a_grey_or_cmyk_jpeg_keeps_its_numbers():
    for mode in ("L", "CMYK"):
        image = SCENE.convert(mode)
        plain, tagged = (encoded(image, "JPEG", quality=95, **options)
                         for options in ({}, {"icc_profile": P3}))  # fmt: skip
        np.testing.assert_array_equal(decoding.decode(plain), decoding.decode(tagged))


def test_transparency_and_a_transparent_colour_are_kept():
    see_through = odd_files.SEE_THROUGH
    expected = decoding.decode(encoded(see_through)).astype(int)
    copy = colour_profiles.copy_in(see_through.convert("RGB"), P3).convert("RGBA")
    copy.putalpha(see_through.getchannel("A"))
    assert off(encoded(copy, icc_profile=P3), expected) <= 2
    key = colour_profiles.copy_in(SCENE, P3)
    first = key.getpixel((0, 0))
    found = decoding.decode(encoded(key, icc_profile=P3, transparency=first))
    assert (found[0, 0] == 255).all() and np.abs(
        found[0, 40].astype(int) - odd_files.GREEN
    ).max() < 3


def test_orientation_is_applied_after_the_profile():
    copy = colour_profiles.copy_in(SCENE, P3)
    file = encoded(copy, "JPEG", quality=95, subsampling=0, icc_profile=P3, exif=odd_files.exif(6))
    assert off(file, SCENE.transpose(Image.Transpose.ROTATE_270)) <= odd_files.LOSSY


def test_predictions_of_a_copy_are_those_of_the_original():
    classifier = Predictor.load(pretrained.path())
    generator = np.random.default_rng(1)
    small = Image.fromarray(generator.integers(60, 200, (8, 8, 3), np.uint8))
    scene = small.resize((224, 224), Image.Resampling.BICUBIC)
    copy = encoded(colour_profiles.copy_in(scene, P3), icc_profile=P3)
    same, other = classifier.predict_proba([scene, copy])
    assert np.abs(same - other).max() < 0.05


def test_serve_bytes_does_not_read_profiles():
    tf_decoding = pytest.importorskip("trash_keras.exporters.tf_decoding")
    copy = colour_profiles.copy_in(SCENE, P3)
    served = tf_decoding.decode(encoded(copy, icc_profile=P3)).numpy()
    np.testing.assert_array_equal(served, np.asarray(copy))  # docs/serving.md says so
