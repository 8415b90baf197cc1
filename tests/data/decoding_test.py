import io
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, features

from tests.support import odd_files
from trash_keras.data import decoding, formats
from trash_keras.data.catalog import shuffle_key
from trash_keras.data.readers.base import FolderReader
from trash_keras.data.validation import verify_images
from trash_keras.exporters import tf_decoding

ROOT = Path(__file__).parents[2]
IMAGE = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        (80, 60)
    )
)
CORPUS = odd_files.corpus()
GOOD = [file for file in CORPUS if file.colours]
BAD = [file for file in CORPUS if file.reason]


def encode(kind, image=IMAGE, **options):
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind, **options)
    return data.getvalue()


def by_name(file):
    return file.name


def write(files, folder):
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.name).write_bytes(file.encoded)


def test_the_corpus_is_large_and_every_file_has_one_expectation():
    assert len(GOOD) > 80 and len(BAD) > 40
    assert len({file.name for file in CORPUS}) == len(CORPUS) == len(GOOD) + len(BAD)
    assert all(file.name.lower().endswith(tuple(formats.SUFFIXES)) for file in GOOD)


@pytest.mark.parametrize("file", GOOD, ids=by_name)
def test_an_odd_file_shows_its_colours_where_they_belong(file):
    image = decoding.decode(file.encoded)
    height, width = sorted((odd_files.WIDTH, odd_files.HEIGHT), reverse=not file.upright)
    assert image.shape == (height, width, 3) and image.dtype == np.uint8
    middles = image[height // 4 :: height // 2, width // 4 :: width // 2].reshape(4, 3)
    np.testing.assert_allclose(middles.astype(int), file.colours, rtol=0, atol=file.tolerance)


@pytest.mark.parametrize("file", BAD, ids=by_name)
def test_a_bad_file_is_refused_with_a_short_reason(file):
    with pytest.raises(formats.UndecodableError) as raised:
        decoding.decode(file.encoded)
    assert file.reason in str(raised.value)
    assert len(str(raised.value)) < 90 and "\n" not in str(raised.value)


def test_many_threads_decode_all_files_and_print_nothing(tmp_path, capfd, caplog):
    write(CORPUS, tmp_path / "data")
    names = [file.name for file in CORPUS] * 3
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        before = warnings.filters[:]
        paths = sorted([*names, "gone.jpg"], key=shuffle_key)
        bad = verify_images(FolderReader(tmp_path / "data"), paths, 100)
        assert warnings.filters == before
    assert bad.pop("gone.jpg") == "cannot be read: No such file or directory"
    assert set(bad) == {file.name for file in BAD}
    for file in BAD:
        assert file.reason in bad[file.name]
    out, err = capfd.readouterr()
    assert not warned and not caplog.records and not out
    assert {line.split(":")[0] for line in err.replace("\r", "\n").split("\n") if line} == {
        "Checking images"
    }


def test_no_damage_lets_another_error_out():
    generator = np.random.default_rng(0)
    refused = 0
    for index in range(1000):
        data = bytearray(GOOD[index % len(GOOD)].encoded)
        for place in generator.integers(len(data), size=4):
            data[place] = generator.integers(256)
        try:
            image = decoding.decode(bytes(data), max_megapixels=1)
        except formats.UndecodableError:
            refused += 1
        else:
            assert image.dtype == np.uint8 and image.shape[2:] == (3,)
    assert 100 < refused < 950


def test_the_limit_is_in_megapixels_and_independent_of_pillows_own(monkeypatch):
    data = encode("PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert decoding.decode(data, max_megapixels=0.0048).shape == (60, 80, 3)
    with pytest.raises(formats.UndecodableError, match=r"^80 x 60 pixels .* 0.0047 megapixels"):
        decoding.decode(data, max_megapixels=0.0047)


def test_a_missing_decoder_says_what_to_install(monkeypatch):
    files = {file.name: file.encoded for file in GOOD}
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(formats.UndecodableError, match=r"pip install '\.\[heif\]'"):
        decoding.decode(files["plain.heic"])
    for name in ("plain.avif", "lossy.webp"):
        with pytest.raises(formats.UndecodableError, match="pip install --upgrade pillow"):
            decoding.decode(files[name])
    assert decoding.decode(files["plain.png"]).shape


def test_tensorflow_is_not_needed():
    code = (
        "import sys; from trash_keras.data import decoding; "
        "decoding.load(sys.stdin.buffer.read(), 16, 'pad'); "
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=encode("JPEG"), capture_output=True, cwd=ROOT
    )
    assert done.stdout.split() == [b"[]"], done.stderr


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 20}, {"grey": True}]
)
def test_jpeg_pixels_are_those_of_tensorflow(options):
    options = dict(options)
    data = encode("JPEG", IMAGE[..., 0] if options.pop("grey", False) else IMAGE, **options)
    expected = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    np.testing.assert_array_equal(decoding.decode(data), expected)


@pytest.mark.parametrize("resize", decoding.RESIZES)
@pytest.mark.parametrize("size", [(384, 512), (61, 47), (20, 20), (7, 90), (301, 3)], ids=str)
def test_resizing_is_that_of_tensorflow(size, resize):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for side in (16, 45, 224):
        square = decoding.resize_to_square(noise, side, resize)
        expected = tf_decoding.resize_to_square(noise, side, resize).numpy().astype(int)
        assert square.shape == (side, side, 3) and square.dtype == np.uint8
        difference = np.abs(square - expected)
        # Halfway between two levels, single precision may fall on the other side.
        assert difference.max() <= 1 and (difference > 0).mean() < 0.08


def test_resizes():
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 10:30] = 255
    stretched = decoding.resize_to_square(wide, 20, "stretch")
    cropped = decoding.resize_to_square(wide, 20, "crop")
    padded = decoding.resize_to_square(wide, 20, "pad")
    assert stretched.shape == cropped.shape == padded.shape == (20, 20, 3)
    assert stretched[:, :4].max() == 0 and stretched[:, 8:12].min() == 255
    assert cropped.min() == 255
    assert (padded[:5] == decoding.PAD_VALUE).all() and (padded[15:] == decoding.PAD_VALUE).all()
    assert padded[5:15, 8:12].min() == 255 and padded[5:15, :4].max() == 0
    with pytest.raises(ValueError, match="Received: 'squash'"):
        decoding.resize_to_square(wide, 20, "squash")


def test_a_strip_is_cropped_without_enlarging_all_of_it():
    strip = np.zeros((1, 1_000_000, 3), np.uint8)  # enlarged: 224 x 224,000,000
    strip[:, 499_990:500_010] = 255
    assert decoding.resize_to_square(strip, 224, "crop").min() == 255


def test_a_tall_strip_takes_as_little_as_a_wide_one():
    strip = np.zeros((1_000_000, 1, 3), np.uint8)
    strip[499_990:500_010] = 255
    assert decoding.resize_to_square(strip, 224, "crop").min() == 255


@pytest.mark.parametrize("side", [48, 64, 90])
@pytest.mark.parametrize("resize", decoding.RESIZES)
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(side, resize, monkeypatch):
    image = Image.fromarray(IMAGE).resize((768, 576), Image.Resampling.BICUBIC)
    levels = np.asarray(image).astype(int) + np.random.default_rng(0).normal(0, 6, (576, 768, 1))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    encoded = encode("JPEG", levels.clip(0, 255).astype(np.uint8), quality=92, exif=turned)
    found = decoding.load(encoded, side, resize).astype(int)
    monkeypatch.setattr(decoding, "DRAFT", 1000)
    difference = np.abs(found - decoding.load(encoded, side, resize))
    assert 0 < difference.mean() < 0.5 and difference.max() <= 6
    if resize == "pad":  # the bars are where they were
        assert (difference[:, :2] == 0).all()
