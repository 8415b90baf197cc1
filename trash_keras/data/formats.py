"""The image formats: telling them apart, reading headers, saying what is wrong with a file.

`trash_keras/data/decoding.py` puts these steps together.
"""

import contextlib
import importlib
import io
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageFile, features

from trash_keras.data import colour
from trash_keras.host.packages import install_hint

# Format -> module and class of its decoder. They are called by name, not through `Image.open`:
# that would try other decoders on broken files, and has a pixel limit of its own for the whole
# process.
DECODERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),  # of an MPO file, too: its first image
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),  # turns itself upright
    "HEIC": ("pillow_heif", "HeifImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
}
# Suffix -> the format that it promises; the content decides which it is.
SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"), ".webp": "WebP", ".bmp": "BMP", ".gif": "GIF",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".heic", ".heif", ".hif", ".heics", ".heifs"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
}  # fmt: skip
NAMES = "JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF"
START_BYTES = 256  # of a file, by which `identify` tells its format
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # of more than 4 GB
    b"MM\0+": "TIFF",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# What to do with an image to show it upright (EXIF 2.3, tag 0x0112).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What decoders say when the bytes end too early.
_CUT_SHORT = ("truncated", "end of file", "requires a buffer", "index out of range", "too small")
_WARNING_FILTERS = threading.Lock()


class UndecodableError(ValueError):
    """A file is no image, or not a whole one; the message says briefly why."""


class UnknownFormatError(UndecodableError):
    """It is in no format that can be decoded here."""


class TooManyPixelsError(UndecodableError):
    """It is larger than the limit."""


def identify(encoded: bytes) -> str:
    """Returns the format, a key of `DECODERS`, by the first bytes.

    Raises:
        UnknownFormatError: It is none of them.
    """
    if not encoded:
        raise UnknownFormatError("empty file")
    for start, kind in _STARTS.items():
        if encoded.startswith(start):
            return kind
    if encoded.startswith(b"BM") and not any(encoded[15:18]):  # the size of a header, below 256
        return "BMP"
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return "WebP"
    if encoded[4:8] == b"ftyp":  # ISO base media: the size of this box, its name, its brands
        box = encoded[8 : min(int.from_bytes(encoded[:4]), START_BYTES)]
        brands = {box[start : start + 4] for start in range(0, len(box), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    raise UnknownFormatError(f"not a {NAMES} file")


def open_header(encoded: bytes, kind: str) -> ImageFile.ImageFile:
    """Reads the header, no pixels.

    Args:
        encoded: The bytes of the file.
        kind: From `identify`.

    Raises:
        UnknownFormatError: Nothing is installed that decodes this format.
        Exception: Any error of the decoder; see `reason`.
    """
    if kind in ("WebP", "AVIF") and not features.check(kind.lower()):
        raise UnknownFormatError(f"{kind} needs a Pillow that has it: pip install --upgrade pillow")
    module, name = DECODERS[kind]
    try:
        decoder = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise UnknownFormatError(f"{kind} needs pillow-heif: {install_hint('heif')}") from error
    with _no_warnings():
        image = decoder(io.BytesIO(encoded))
        if kind == "TIFF":
            image.getexif()  # which warns, and is kept
    if kind == "TIFF" and image.mode in ("I", "F"):
        raise UndecodableError(f"{kind} of 32 bits a channel, whose range is unknown")
    return image


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Keeps Pillow's warnings about broken metadata from being printed."""
    # The filters belong to the whole process, hence one thread at a time. Reading metadata holds
    # the interpreter anyway, and no pixel is decoded in here.
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def upright(rgb: Image.Image, exif: bytes) -> Image.Image:
    """Turns an image as its EXIF block says; leaves it alone where that is empty or broken."""
    block = Image.Exif()
    try:
        with _no_warnings():
            block.load(exif)
            turn = _UPRIGHT[block[ExifTags.Base.Orientation]]
    except Exception:  # broken in one of many ways, and the pixels may be fine
        return rgb
    return rgb.transpose(turn)


def to_rgb(image: Image.Image, bits: int = 8) -> Image.Image:
    """Converts a decoded image of any mode: transparency onto white, 16 bits to 8, sRGB.

    Args:
        image: From `open_header`, with its pixels loaded; or any image of a caller.
        bits: Bits a channel in the file.
    """
    if image.mode == "CMYK":
        # Pillow treats every CMYK JPEG as one of Adobe's, whose inks are stored inverted.
        inverted = image.format in ("JPEG", "MPO") and "adobe" not in image.info
        return (ImageChops.invert(image) if inverted else image).convert("RGB")
    if image.format == "PNG" or image.mode.startswith("I;16"):
        image = _whole_bytes(image, bits)
    if not image.has_transparency_data:
        return colour.to_srgb(image if image.mode == "RGB" else image.convert("RGB"), image)
    see_through = colour.to_srgb(image.convert("RGBA"), image)
    white = Image.new("RGB", image.size, "white")
    white.paste(see_through, mask=see_through.getchannel("A"))
    return white


def _whole_bytes(image: Image.Image, bits: int) -> Image.Image:
    """Brings a PNG of 16 bits a channel, and the transparent colour of any, to 8 bits.

    Args:
        image: As Pillow decoded it: grey of 16 bits as such, all else in 8 already.
        bits: Bits a channel in the file.
    """
    key = image.info.get("transparency")  # in the file's bits; of a palette, an index or bytes
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        grey = Image.fromarray((deep >> 8).astype(np.uint8))
        if key is not None:
            grey.putalpha(Image.fromarray(np.where(deep == key, 0, 255).astype(np.uint8)))
        return grey
    if key is not None and image.mode in ("L", "RGB"):
        key = np.atleast_1d(key)
        levels = (key >> 8 if bits == 16 else key * 255 // (2**bits - 1)).tolist()
        image = image.copy()  # or a caller's own would change
        image.info["transparency"] = levels[0] if image.mode == "L" else tuple(levels)
    return image


def reason(encoded: bytes, kind: str, error: Exception) -> str:
    """Says briefly what a decoder's error means."""
    if isinstance(error, MemoryError):
        return f"not enough memory for this {kind}"
    if isinstance(error, Image.DecompressionBombError):
        return f"more pixels than Pillow decodes of a {kind}"
    text = str(error).lower()
    if "not identified by this driver" in text:  # the header was read, and had nothing in it
        return f"{kind} without pixels"
    # Only WebP says how long the file is, and its decoder does not say what is wrong.
    short = kind == "WebP" and len(encoded) < 8 + int.from_bytes(encoded[4:8], "little")
    cut = short or isinstance(error, EOFError) or any(words in text for words in _CUT_SHORT)
    return f"{'truncated' if cut else 'damaged'} {kind}"
