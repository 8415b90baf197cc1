"""Tests of images that are decoded once, for looking and for training."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from trash_keras.data import decoding, pipeline, validation
from trash_keras.data.catalog import single_split
from trash_keras.data.decoded import DecodedImages
from trash_keras.data.formats import UndecodableError
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader


@pytest.mark.parametrize("megabytes", [0.01, 1])  # room for 13 images, and for all 36
def test_images_are_decoded_once(data_dir, monkeypatch, megabytes):
    reader = FolderReader(data_dir)
    catalog = single_split(reader.files_by_class())
    expected = list(pipeline.load_split(Split(catalog, "all", reader, 16)).as_numpy_iterator())

    calls = []
    for name in ("load", "decode"):
        real = getattr(decoding, name)
        monkeypatch.setattr(
            decoding, name, lambda *given, real=real: calls.append(given) or real(*given)
        )
    decoded = DecodedImages(16, "stretch", 100, megabytes)
    validation.keep_decodable(catalog, reader, "error", 100, {}, decoded)
    split = Split(catalog, "all", reader, 16, decoded=decoded)
    found = list(pipeline.load_split(split).as_numpy_iterator())
    assert len(calls) == 36 + (0 if megabytes == 1 else 36 - 13)
    for (image, label), (other, same) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(image, other)
        np.testing.assert_array_equal(label, same)


def test_what_is_kept_is_given_once_and_in_its_form(data_dir):
    path = "blue/blue1.png"
    decoded = DecodedImages(16, "crop", 100, 1)
    decoded.check(path, (data_dir / path).read_bytes())
    assert decoded.take(path, 24, "crop") is None
    assert decoded.take(path, 16, "pad") is None
    assert decoded.take(path, 16, "crop").shape == (16, 16, 3)
    assert decoded.take(path, 16, "crop") is None


def test_what_cannot_be_decoded_is_not_kept():
    decoded = DecodedImages(16, "stretch", 100, 1)
    with pytest.raises(UndecodableError):
        decoded.check("bad.jpg", b"\xff\xd8\xff")
    assert decoded.take("bad.jpg", 16, "stretch") is None


def test_threads_do_not_keep_more_than_there_is_room_for(monkeypatch):
    barrier = threading.Barrier(8, timeout=60)

    def decode(*given):
        barrier.wait()  # all have asked for room by now
        return np.zeros((16, 16, 3), np.uint8)

    monkeypatch.setattr(decoding, "load", decode)
    monkeypatch.setattr(decoding, "decode", decode)
    decoded = DecodedImages(16, "stretch", 100, 0.0025)  # room for 3
    names = [f"{number}.png" for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: decoded.check(name, b""), names))
    kept = [decoded.take(name, 16, "stretch") is not None for name in names]
    assert sum(kept) == 3


def test_a_bad_image_takes_no_room(data_dir):
    decoded = DecodedImages(16, "stretch", 100, 0.001)  # room for 1
    with pytest.raises(UndecodableError):
        decoded.check("bad.jpg", b"\xff\xd8\xff")
    decoded.check("good.png", (data_dir / "blue/blue1.png").read_bytes())
    assert decoded.take("good.png", 16, "stretch") is not None


def test_what_is_cached_on_disk_is_not_kept_in_memory(data_dir, tmp_path):
    reader = FolderReader(data_dir)
    catalog = single_split(reader.files_by_class())
    for _ in range(2):  # the second time the file is there
        decoded = DecodedImages(16, "stretch", 100, 1)
        validation.keep_decodable(catalog, reader, "error", 100, {}, decoded)
        split = Split(catalog, "all", reader, 16, decoded=decoded)
        assert len(pipeline.load_split(split, cache_dir=tmp_path / "cache")) == 36
        assert decoded.take("blue/blue1.png", 16, "stretch") is None
