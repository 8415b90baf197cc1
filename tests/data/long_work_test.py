"""Small files whose decoding would take long or much memory."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from trash_keras.data import decoding, jpeg_scans
from trash_keras.data.formats import UndecodableError

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def jpeg(side=64, scans=0, **options):
    """A JPEG whose last scan is repeated, so many times."""
    file = io.BytesIO()
    Image.fromarray(NOISE).resize((side, side)).save(file, "JPEG", **options)
    encoded = file.getvalue()
    last = encoded[encoded.rindex(b"\xff\xda") : -2]
    return encoded[:-2] + last * scans + encoded[-2:]


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(width, height, chunks=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(width)) * height, 9)
    inside = [chunk(b"IHDR", header), chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(inside)


def gif(frames):
    images = [Image.new("P", (8, 8), number % 255) for number in range(frames)]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], optimize=False)
    return file.getvalue()


@pytest.mark.parametrize(
    ("encoded", "count"),
    [(jpeg(), 1), (jpeg(progressive=True), 10), (jpeg(progressive=True, scans=30), 40),
     (jpeg() + b"\xff\xda\0\1" * 5000, 1), (b"\xff\xd8\xff", 0)],
)  # fmt: skip
def test_scans_are_counted_up_to_the_end_of_the_image(encoded, count):
    assert jpeg_scans.count(encoded) == count


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"progressive": True, "scans": 30}])
def test_usual_images_are_decoded(options):
    assert decoding.decode(jpeg(**options)).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (jpeg(progressive=True, scans=3000), "more than 100 scans"),
        (jpeg(side=1600, progressive=True, scans=60), "or of many pixels"),
        (png(1, 200_000), "1 x 200000 pixels have a side over 65535"),
        (png(200_000, 1), "200000 x 1 pixels have a side over 65535"),
    ],
    ids=["scans", "scans and pixels", "tall", "wide"],
)
def test_long_work_is_refused_at_once(encoded, reason):
    started = time.process_time()
    with pytest.raises(UndecodableError, match=reason):
        decoding.decode(encoded, max_megapixels=5)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "encoded", [gif(3000), png(8, 8, chunk(b"abCd", b"") * 50_000)], ids=["frames", "chunks"]
)
def test_what_is_beside_the_image_takes_little_time(encoded):
    started = time.process_time()
    assert decoding.decode(encoded).shape == (8, 8, 3)
    assert time.process_time() - started < 2
