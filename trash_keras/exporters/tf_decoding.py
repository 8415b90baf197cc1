"""What `trash_keras/data/decoding.py` does, as TensorFlow operations: for `serve_bytes` alone.

A SavedModel carries operations, no Python. The tests hold both to the same pixels.
"""

import tensorflow as tf

from trash_keras.data.decoding import PAD_VALUE
from trash_keras.metadata import RESIZES

REFUSAL = (
    "serve_bytes takes JPEG, PNG, WebP without animation, 24 bit BMP, and GIF without "
    "transparency. Convert other files, HEIC and AVIF among them, to one of these; or decode them "
    "with trash_keras.data.decoding.load and call serving_default."
)
_EXIF_SIZE = 65536  # bytes that an EXIF block has at most
_JPEG_HEAD = 2 * _EXIF_SIZE  # bytes; a second image, with a block of its own, comes after these
_ORIENTATION_TAG, _SHORT = 0x0112, 3  # and its type in TIFF


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG (CMYK, too), PNG, WebP, 24 bit BMP, or GIF without transparency.

    The same pixels as `trash_keras.data.decoding.decode`, within one grey level: the first
    image of a GIF, EXIF orientation applied, transparency onto white, 16 bits as 8. There is no
    limit on megapixels but TensorFlow's own. Colour profiles are not read: TensorFlow cannot
    convert by one, so Display P3 comes out paler than in all other runtimes. HEIC, AVIF, BMP of
    other depths, GIF with transparency and animated WebP have no TensorFlow decoder that gives
    those pixels.

    Args:
        encoded: string scalar, the bytes of the file.

    Returns:
        uint8 [height, width, 3], RGB, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: When run, for a broken file or another format (`REFUSAL`).
    """

    def starts(text: bytes, position: int = 0) -> tf.Tensor:
        enough = tf.strings.length(encoded) >= position + len(text)
        safe = tf.where(enough, encoded, b"\0" * (position + len(text)))
        return tf.strings.substr(safe, position, len(text)) == text

    def refuse() -> tf.Tensor:
        tf.debugging.Assert(False, [REFUSAL])
        return tf.zeros((1, 1, 3), tf.uint8)

    # On an animation `tf.io.decode_webp` of TensorFlow 2.21 ends the process.
    moving = starts(b"VP8X", 12) & (tf.bitwise.bitwise_and(_byte(encoded, 20), 2) != 0)
    still_webp = starts(b"RIFF") & starts(b"WEBP", 8) & ~moving
    plain_bmp = starts(b"BM") & starts(b"\x18\0\0\0\0\0", 28)  # bits a pixel, compression
    opaque_gif = (starts(b"GIF87a") | starts(b"GIF89a")) & ~_is_transparent_gif(encoded)
    image = tf.case(
        [
            (starts(b"\xff\xd8\xff"), lambda: _jpeg(encoded)),
            (starts(b"\x89PNG\r\n\x1a\n"), lambda: _png(encoded)),
            (still_webp, lambda: _webp(encoded)),
            (plain_bmp, lambda: tf.io.decode_bmp(encoded, channels=3)),
            (opaque_gif, lambda: _gif(encoded)),
        ],
        default=refuse,
        exclusive=True,
    )
    image.set_shape((None, None, 3))
    return image


def _jpeg(encoded: tf.Tensor) -> tf.Tensor:
    # The accurate DCT gives the pixels that Pillow gives; TensorFlow's default differs from them
    # by up to 4 grey levels.
    image = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
    head = tf.strings.substr(encoded, 0, _JPEG_HEAD)
    return _upright(image, _after(head, b"Exif\0\0"))


def _png(encoded: tf.Tensor) -> tf.Tensor:
    # Asked for an alpha channel that is not there, TensorFlow invents one that is right for 8
    # bits, and nearly transparent for fewer.
    head = tf.strings.split(encoded, b"IDAT", maxsplit=1)[0]
    has_alpha = tf.bitwise.bitwise_and(_byte(encoded, 25), 4) != 0  # in the colour type
    see_through = has_alpha | (tf.size(tf.strings.split(head, b"tRNS")) > 1)
    image = tf.cond(
        see_through,
        lambda: _on_white(tf.io.decode_png(encoded, channels=4)),
        lambda: tf.io.decode_png(encoded, channels=3),
    )
    return _upright(image, _after(encoded, b"eXIf"))


def _webp(encoded: tf.Tensor) -> tf.Tensor:
    first = tf.io.decode_webp(encoded)[0]  # with as many channels as the file has
    image = tf.cond(tf.shape(first)[2] == 4, lambda: _on_white(first), lambda: first[..., :3])
    # The chunk begins with its size; some programs add the marker that JPEG needs.
    chunk = _after(encoded, b"EXIF")
    block = tf.strings.substr(chunk, tf.minimum(4, tf.strings.length(chunk)), _EXIF_SIZE)
    marked = tf.strings.substr(block, 0, 6) == b"Exif\0\0"
    return _upright(image, tf.cond(marked, lambda: _after(block, b"Exif\0\0"), lambda: block))


def _after(encoded: tf.Tensor, marker: bytes) -> tf.Tensor:
    """Returns what follows the first `marker`; an empty string where there is none."""
    return tf.concat([tf.strings.split(encoded, marker, maxsplit=1), [b""]], 0)[1]


def _on_white(image: tf.Tensor) -> tf.Tensor:
    levels = tf.cast(image, tf.int32)
    alpha = levels[..., 3:]
    return tf.cast((levels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _gif(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_gif(encoded)[0]
    canvas = tf.io.decode_raw(tf.strings.substr(encoded, 6, 4), tf.uint16)  # width, height
    whole = tf.reduce_all(tf.shape(image)[:2] == tf.cast(canvas[::-1], tf.int32))
    tf.debugging.Assert(whole, [REFUSAL])
    return image


def _is_transparent_gif(encoded: tf.Tensor) -> tf.Tensor:
    """Says whether the first image of a GIF has a transparent colour."""
    packed = _byte(encoded, 10)
    colours = tf.where(packed >= 128, 2 * 2 ** (packed % 8), 0)  # of the table after the header
    starts_with_image = _byte(encoded, 13 + 3 * colours) == ord(",")
    extension = _after(encoded, b"\x21\xf9\x04")  # graphic control
    return ~starts_with_image & (_byte(extension, 0) % 2 == 1)


def _byte(encoded: tf.Tensor, position: int | tf.Tensor) -> tf.Tensor:
    """Returns one of the first 1024 bytes, int32; 0 behind the end."""
    start = tf.io.decode_raw(tf.strings.substr(encoded, 0, 1024), tf.uint8)
    return tf.reduce_sum(tf.cast(start[position : position + 1], tf.int32))


def _upright(image: tf.Tensor, tiff: tf.Tensor) -> tf.Tensor:
    """Turns an image as its EXIF block asks for; leaves it where there is none."""
    return tf.switch_case(
        _orientation(tiff) - 1,
        [
            lambda: image,
            lambda: image[:, ::-1],
            lambda: image[::-1, ::-1],
            lambda: image[::-1],
            lambda: tf.transpose(image, (1, 0, 2)),
            lambda: tf.transpose(image[::-1], (1, 0, 2)),
            lambda: tf.transpose(image[::-1, ::-1], (1, 0, 2)),
            lambda: tf.transpose(image[:, ::-1], (1, 0, 2)),
        ],
    )


def _orientation(tiff: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation, 1..8, of a block (TIFF 6.0: header, first directory)."""
    block = tf.cast(tf.io.decode_raw(tf.strings.substr(tiff, 0, _EXIF_SIZE), tf.uint8), tf.int64)
    start = tf.strings.substr(tiff, 0, 4)
    big_endian = start == b"MM\0*"
    weights = 256 ** tf.range(4, dtype=tf.int64)

    def numbers(digits: tf.Tensor) -> tf.Tensor:  # [..., bytes] -> [...]
        digits = tf.cond(big_endian, lambda: digits[..., ::-1], lambda: digits)
        return tf.reduce_sum(digits * weights[: tf.shape(digits)[-1]], -1)

    directory = numbers(block[4:8])
    count = numbers(block[directory : directory + 2])
    entries = block[directory + 2 : directory + 2 + 12 * count]  # of 12 bytes: tag, ..., value
    entries = tf.reshape(entries[: tf.size(entries) // 12 * 12], (-1, 12))
    wanted = numbers(entries[:, :2]) == _ORIENTATION_TAG
    wanted &= numbers(entries[:, 2:4]) == _SHORT
    found = tf.concat([tf.boolean_mask(numbers(entries[:, 8:10]), wanted), [1]], 0)[0]
    known = (big_endian | (start == b"II*\0")) & (found >= 1) & (found <= 8)
    return tf.where(known, tf.cast(found, tf.int32), 1)


def resize_to_square(image: tf.Tensor, image_size: int, resize: str) -> tf.Tensor:
    """Makes an image square with antialiased bilinear interpolation.

    The same pixels as `trash_keras.data.decoding.resize_to_square`, within one grey level.

    Args:
        image: uint8 [height, width, 3].
        image_size: Side of the result, pixels.
        resize: stretch, crop (the centre) or pad (with grey bars).

    Returns:
        uint8 [image_size, image_size, 3], rounded to the nearest level.

    Raises:
        ValueError: Unknown `resize`.
    """
    if resize not in RESIZES:
        raise ValueError(f"resize must be one of {', '.join(RESIZES)}. Received: {resize!r}")
    if resize == "stretch":
        target = tf.constant([image_size, image_size])
    else:
        sides = tf.cast(tf.shape(image)[:2], tf.float32)
        fitted = tf.reduce_min(sides) if resize == "crop" else tf.reduce_max(sides)
        target = tf.maximum(tf.cast(tf.round(sides * (image_size / fitted)), tf.int32), 1)
    # First across, then down, each rounded to whole levels, as Pillow does.
    square = image
    for size in ((tf.shape(image)[0], target[1]), target):
        resized = tf.image.resize(square, size, antialias=True)
        square = tf.cast(tf.clip_by_value(tf.floor(resized + 0.5), 0, 255), tf.uint8)
    if resize != "stretch":
        # Padding fills with 0; XOR before and after turns just the bars into PAD_VALUE.
        square = tf.image.resize_with_crop_or_pad(square ^ PAD_VALUE, image_size, image_size)
        square = square ^ PAD_VALUE
    return tf.ensure_shape(square, (image_size, image_size, 3))
