import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trash_keras.data import decoding

PICTURE = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        (80, 60)
    )
)


def encode(kind, picture=PICTURE, **options):
    data = io.BytesIO()
    Image.fromarray(picture).save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pixels_are_those_of_pillow(kind):
    data = encode(kind)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decoding.decode(tf.constant(data)), expected)


def test_grey_becomes_rgb():
    decoded = decoding.decode(tf.constant(encode("PNG", PICTURE[..., 0])))
    np.testing.assert_array_equal(decoded, np.repeat(PICTURE[..., :1], 3, axis=2))


@pytest.mark.parametrize("data", [b"", b"text", encode("JPEG")[:500], encode("PNG")[:500]])
def test_what_is_no_whole_picture_is_an_error(data):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        decoding.decode(tf.constant(data))
    assert decoding.reason(raised.value) == "not a whole JPEG or PNG"


def test_resizes():
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, 10:30] = 255
    stretched = decoding.resize_to_square(wide, 20, "stretch").numpy()
    cropped = decoding.resize_to_square(wide, 20, "crop").numpy()
    padded = decoding.resize_to_square(wide, 20, "pad").numpy()
    assert stretched.shape == cropped.shape == padded.shape == (20, 20, 3)
    assert stretched[:, :4].max() == 0 and stretched[:, 8:12].min() == 255
    assert cropped.min() == 255
    assert (padded[:5] == decoding.PAD_VALUE).all() and (padded[15:] == decoding.PAD_VALUE).all()
    assert padded[5:15, 8:12].min() == 255 and padded[5:15, :4].max() == 0
    with pytest.raises(ValueError, match="Received: 'squash'"):
        decoding.resize_to_square(wide, 20, "squash")
