"""Unusual and damaged image files, as phones, the web and accidents produce them: some hundred.

Each good file shows four colours, one a quadrant, and says which should be seen where. Each bad
file says the reason that it should be refused with.
"""

import dataclasses
import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

WIDTH, HEIGHT = 64, 32
RED, GREEN, BLUE, SAND = (200, 30, 40), (20, 160, 60), (30, 50, 210), (230, 200, 120)
STORED = (RED, GREEN, BLUE, SAND)  # left to right, top to bottom
GREYS = (10, 90, 170, 250)
LOSSY = 14  # grey levels that a lossy format may be off in the middle of a quadrant
# EXIF orientation -> the stored quadrants (0 1 / 2 3) as they should be seen.
SEEN = {1: "0123", 2: "1032", 3: "3210", 4: "2301", 5: "0213", 6: "2031", 7: "3120", 8: "1302"}
NOT_AN_IMAGE = "not a JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF file"


@dataclasses.dataclass(frozen=True)
class OddFile:
    """A file and the expected result of decoding it.

    Attributes:
        name: Of the file.
        encoded: Its bytes.
        colours: RGB of the four quadrants as seen; empty for a file that cannot be decoded.
        upright: False for an image that is seen with its sides exchanged.
        tolerance: Grey levels.
        reason: Part of the error's message.
        served: Whether `serve_bytes` can decode it.
    """

    name: str
    encoded: bytes
    colours: tuple = ()
    upright: bool = True
    tolerance: int = 0
    reason: str = ""
    served: bool = True


def quadrants(values) -> np.ndarray:
    """Returns uint8 or uint16 [32, 64, ...] with one value a quadrant."""
    kind = np.uint16 if np.max(values) > 255 else np.uint8
    small = np.array(values, kind).reshape(2, 2, *np.shape(values[0]))
    return small.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)


IMAGE = Image.fromarray(quadrants(STORED))
GREY = Image.fromarray(quadrants(GREYS))
# Quadrants: opaque, half, nothing, opaque.
SEE_THROUGH = Image.fromarray(
    quadrants([(*RED, 255), (0, 0, 0, 128), (*BLUE, 0), (*SAND, 255)]), "RGBA"
)
ON_WHITE = (RED, (127, 127, 127), (255, 255, 255), SAND)


def grey_colours(levels=GREYS) -> tuple:
    return tuple((level,) * 3 for level in levels)


def save(image: Image.Image, kind: str, **options) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


jpeg = functools.partial(save, IMAGE, "JPEG", quality=95)


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF block of a maker's name and the orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    maker = struct.pack(order + "HHI", 0x010F, 2, 4) + b"ABC\0"
    tag = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + start + struct.pack(order + "IH", 8, 2) + maker + tag + bytes(4)


BROKEN_EXIF = {
    "garbage": b"Exif\0\0garbage",
    "empty": b"Exif\0\0",
    "cut": exif(6)[:30],
    "no_directory": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "wild_count": b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x02",
    "wrong_type": b"Exif\0\0" + struct.pack("<4sIHHHII", b"II*\0", 8, 1, 0x0112, 2, 9999, 7),
}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows, bits: int, colour_type: int, extra: bytes = b"", size=(WIDTH, HEIGHT)) -> bytes:
    """Writes a PNG of any kind; `rows` are the packed bytes of each row."""
    header = struct.pack(">2I5B", *size, bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def few_bits(levels, bits: int) -> list[bytes]:
    """Packs the rows of quadrants of 1, 2 or 4 bits a pixel."""
    pixels = quadrants(levels).reshape(HEIGHT, -1, 8 // bits)
    weights = 2 ** (bits * np.arange(8 // bits)[::-1])
    return list((pixels * weights).sum(-1).astype(np.uint8))


def deep(levels) -> list[bytes]:
    """Packs the rows of quadrants of 16 bits a channel."""
    return [row.astype(">u2").tobytes() for row in quadrants(levels).astype(np.uint16)]


def interlaced_png() -> bytes:
    """Writes the image in the seven passes of Adam7."""
    pixels, data = np.asarray(IMAGE), b""
    for x, y, across, down in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
                               (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:  # fmt: skip
        data += b"".join(b"\0" + row.tobytes() for row in pixels[y::down, x::across])
    header = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def patched(encoded: bytes, position: int, layout: str, *values) -> bytes:
    copy = bytearray(encoded)
    struct.pack_into(layout, copy, position, *values)
    return bytes(copy)


def sized_jpeg(width: int, height: int) -> bytes:
    return patched(jpeg(), jpeg().index(b"\xff\xc0") + 5, ">HH", height, width)


def sized_png(width: int, height: int) -> bytes:
    return png([bytes(3 * WIDTH)], 8, 2, size=(width, height))


def sized_boxes(encoded: bytes, width: int, height: int) -> bytes:
    """Changes the size that a HEIC or AVIF file says it has."""
    return patched(encoded, encoded.index(b"ispe") + 8, ">II", width, height)


def good_jpegs():
    near = functools.partial(OddFile, colours=STORED, tolerance=LOSSY)
    yield near("baseline.jpg", jpeg())
    yield near("progressive.jpg", jpeg(progressive=True))
    yield near("full_colour.jpeg", jpeg(subsampling=0))
    yield near("restarts.jpg", jpeg(restart_marker_blocks=1))
    yield near("UPPER.JPG", jpeg())
    yield near("trailing.jpg", jpeg() + b"a film that a phone appends" * 99)
    yield near("two.jpg", save(IMAGE, "MPO", quality=95, save_all=True, append_images=[GREY]))
    yield near("lies.png", jpeg())
    yield near("cmyk.jpg", save(IMAGE.convert("CMYK"), "JPEG", quality=95))
    yield OddFile("grey.jpg", save(GREY, "JPEG", quality=95), grey_colours(), tolerance=LOSSY)
    yield from odd_inks()
    for orientation, order in SEEN.items():
        seen = tuple(STORED[int(place)] for place in order)
        upright = orientation < 5
        for name, byte_order in (("little", "<"), ("big", ">")):
            data = jpeg(exif=exif(orientation, byte_order))
            yield OddFile(f"turned_{orientation}_{name}.jpg", data, seen, upright, LOSSY)
    for orientation in (0, 9, 65535):
        yield near(f"orientation_{orientation}.jpg", jpeg(exif=exif(orientation)))
    for name, block in BROKEN_EXIF.items():
        yield near(f"exif_{name}.jpg", jpeg(exif=block))


def odd_inks():
    """CMYK whose inks are not inverted, and YCCK: Pillow writes neither."""
    inverted = save(IMAGE.convert("CMYK"), "JPEG", quality=95)
    segment = inverted.index(b"Adobe") - 4
    length = 2 + int.from_bytes(inverted[segment + 2 : segment + 4])
    plain = inverted[:segment] + inverted[segment + length :]
    # Without Adobe's marker the stored inks mean the opposite.
    opposite = tuple(tuple(255 - level for level in colour) for colour in STORED)
    black = tuple((0, 0, 0) for _ in opposite)  # an image without black ink is then all black
    yield OddFile("cmyk_without_adobe.jpg", plain, black, tolerance=LOSSY)
    bright = Image.merge("CMYK", [*IMAGE.split(), Image.new("L", IMAGE.size, 255)])
    data = save(bright, "JPEG", quality=95)
    yield OddFile(
        "inks_without_adobe.jpg",
        data[:segment] + data[segment + length :],
        STORED,
        tolerance=LOSSY,
    )
    # YCCK stores the inks like a YCbCr image of the inverted colours.
    ycbcr = ImageOps.invert(IMAGE).convert("YCbCr").split()
    inks = [band.point(lambda level: 255 - level) for band in ycbcr]  # Pillow inverts in saving
    data = save(Image.merge("CMYK", [*inks, Image.new("L", IMAGE.size, 0)]), "JPEG", quality=95)
    yield OddFile(
        "ycck.jpg",
        patched(data, data.index(b"Adobe") + 11, "B", 2),
        STORED,
        tolerance=LOSSY,
    )


def good_pngs():
    yield OddFile("plain.png", save(IMAGE, "PNG"), STORED)
    yield OddFile("really_a_png.jpg", save(IMAGE, "PNG"), STORED)
    yield OddFile("interlaced.png", interlaced_png(), STORED)
    yield OddFile("grey.png", save(GREY, "PNG"), grey_colours())
    yield OddFile("alpha.png", save(SEE_THROUGH, "PNG"), ON_WHITE)
    yield OddFile("grey_alpha.png", save(SEE_THROUGH.convert("LA"), "PNG"),
                  ((81,) * 3, (127,) * 3, (255,) * 3, (200,) * 3), tolerance=1)  # fmt: skip
    palette = chunk(b"PLTE", bytes(sum(STORED, ())))
    indexed = few_bits(range(4), 4)
    yield OddFile("palette.png", png(indexed, 4, 3, palette), STORED)
    clear = palette + chunk(b"tRNS", bytes([255, 255, 0]))
    yield OddFile("palette_clear.png", png(indexed, 4, 3, clear), (RED, GREEN, (255,) * 3, SAND))
    half = palette + chunk(b"tRNS", bytes([255, 255, 255, 128]))
    blend = tuple(round((level * 128 + 255 * 127) / 255) for level in SAND)
    yield OddFile("palette_half.png", png(indexed, 4, 3, half), (RED, GREEN, BLUE, blend))
    for bits, levels in ((1, (0, 1, 1, 0)), (2, (0, 1, 2, 3)), (4, (0, 5, 10, 15))):
        seen = [level * 255 // (2**bits - 1) for level in levels]
        yield OddFile(f"grey_{bits}.png", png(few_bits(levels, bits), bits, 0), grey_colours(seen))
        key = chunk(b"tRNS", struct.pack(">H", levels[0]))
        seen = [255 if level == levels[0] else level * 255 // (2**bits - 1) for level in levels]
        data = png(few_bits(levels, bits), bits, 0, key)
        yield OddFile(f"grey_{bits}_key.png", data, grey_colours(seen))
    key = chunk(b"tRNS", struct.pack(">3H", *BLUE))
    data = png([row.tobytes() for row in np.asarray(IMAGE)], 8, 2, key)
    yield OddFile("key.png", data, (RED, GREEN, (255,) * 3, SAND))
    yield from deep_pngs()
    turned = save(IMAGE, "PNG", exif=exif(6))
    yield OddFile("turned.png", turned, (BLUE, RED, SAND, GREEN), upright=False)
    moving = save(IMAGE, "PNG", save_all=True, append_images=[IMAGE.rotate(180)])
    yield OddFile("moving.png", moving, STORED)
    # All pixels are there; TensorFlow wants the end mark, too.
    yield OddFile("no_end.png", save(IMAGE, "PNG")[:-12], STORED, served=False)
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(9_000_000)))
    yield OddFile("text_bomb.png", png([bytes(192)] * 32, 8, 2, text), reason="damaged PNG")


def deep_pngs():
    """16 bits a channel; the high byte of each is what eight bits keep."""
    levels = (0, 255, 0x8000, 0xFFFF)
    yield OddFile("grey_16.png", png(deep(levels), 16, 0), grey_colours((0, 0, 128, 255)))
    key = chunk(b"tRNS", struct.pack(">H", 0))  # 255 shows as 0, too, but is not transparent
    data = png(deep(levels), 16, 0, key)
    yield OddFile("grey_16_key.png", data, grey_colours((255, 0, 128, 255)))
    colours = [tuple(257 * level for level in colour) for colour in STORED]
    yield OddFile("colour_16.png", png(deep(colours), 16, 2), STORED)
    key = chunk(b"tRNS", struct.pack(">3H", 0xFF00, 0, 0xFF00))
    data = png(deep([*colours[:3], (0xFF00, 0, 0xFF00)]), 16, 2, key)
    yield OddFile("colour_16_key.png", data, (RED, GREEN, BLUE, (255,) * 3))
    pairs = [(0, 65535), (0x4000, 65535), (0, 0), (0, 32896)]
    yield OddFile("grey_alpha_16.png", png(deep(pairs), 16, 4), grey_colours((0, 64, 255, 127)))
    fours = [(*colour, 65535 * (place != 2)) for place, colour in enumerate(colours)]
    data = png(deep(fours), 16, 6)
    yield OddFile("alpha_16.png", data, (RED, GREEN, (255,) * 3, SAND))


def good_others():
    near = functools.partial(OddFile, colours=STORED, tolerance=LOSSY)
    turned = functools.partial(
        OddFile, colours=(BLUE, RED, SAND, GREEN), upright=False, tolerance=LOSSY
    )
    webp = functools.partial(save, IMAGE, "WEBP", quality=95)
    yield near("lossy.webp", webp())
    yield OddFile("lossless.webp", webp(lossless=True), STORED)
    yield OddFile("alpha.webp", save(SEE_THROUGH, "WEBP", lossless=True), ON_WHITE)
    yield turned("turned.webp", webp(exif=exif(6)))
    yield turned("turned_bare.webp", webp(exif=exif(6)[6:]))
    yield near("broken_exif.webp", webp(exif=BROKEN_EXIF["wild_count"]))
    frames = {"save_all": True, "append_images": [IMAGE.rotate(180)]}
    yield OddFile("moving.webp", webp(lossless=True, **frames), STORED, served=False)
    bmp = save(IMAGE, "BMP")
    yield OddFile("plain.bmp", bmp, STORED)
    rows = np.asarray(IMAGE)[..., ::-1].tobytes()
    top_down = patched(bmp, 22, "<i", -HEIGHT)[:54] + rows
    yield OddFile("top_down.bmp", top_down, STORED)
    few = IMAGE.quantize(4)
    yield OddFile("palette.bmp", save(few, "BMP"), STORED, served=False)
    yield OddFile("grey.bmp", save(GREY, "BMP"), grey_colours(), served=False)
    one_bit = IMAGE.point(lambda level: 255 * (level > 150)).convert("L").convert("1", dither=0)
    yield OddFile("one_bit.bmp", save(one_bit, "BMP"),
                  grey_colours((0, 255, 0, 255)), served=False)  # fmt: skip
    yield OddFile("plain.gif", save(few, "GIF"), STORED)
    yield OddFile("moving.gif", save(few, "GIF", **frames), STORED)
    clear = save(few, "GIF", transparency=few.getpixel((0, HEIGHT - 1)))
    yield OddFile("clear.gif", clear, (RED, GREEN, (255,) * 3, SAND), served=False)
    no_canvas = patched(save(few, "GIF"), 6, "<HH", 0, 0)
    yield OddFile("no_canvas.gif", no_canvas, STORED, served=False)
    yield from tiffs()
    for suffix, kind in (("heic", "HEIF"), ("avif", "AVIF")):
        data = save(IMAGE, kind, quality=95)
        yield near(f"plain.{suffix}", data, served=False)
        yield near(f"{suffix}.jpg", data, served=False)
        yield turned(f"turned.{suffix}", save(IMAGE, kind, quality=95, exif=exif(6)),
                     served=False)  # fmt: skip
        data = save(SEE_THROUGH, kind, quality=95)
        yield near(f"alpha.{suffix}", data, colours=ON_WHITE, served=False)
        yield near(f"moving.{suffix}", save(IMAGE, kind, quality=95, **frames), served=False)


def tiffs():
    plain = functools.partial(OddFile, colours=STORED, served=False)
    yield plain("layers.png", save(IMAGE, "TIFF"))
    for name in ("tiff_lzw", "tiff_deflate", "packbits"):
        yield plain(f"{name}.tif", save(IMAGE, "TIFF", compression=name))
    yield plain("jpeg.tif", save(IMAGE, "TIFF", compression="jpeg", quality=95), tolerance=LOSSY)
    frames = {"save_all": True, "append_images": [IMAGE.rotate(180)]}
    yield plain("pages.tiff", save(IMAGE, "TIFF", **frames))
    yield plain("big.tiff", save(IMAGE, "TIFF", big_tiff=True))
    yield plain("turned.tiff", save(IMAGE, "TIFF", tiffinfo={0x0112: 6}),
                colours=(BLUE, RED, SAND, GREEN), upright=False)  # fmt: skip
    yield plain("alpha.tiff", save(SEE_THROUGH, "TIFF"), colours=ON_WHITE)
    yield plain("inks.tiff", save(IMAGE.convert("CMYK"), "TIFF"), tolerance=LOSSY)
    deep = Image.fromarray(quadrants([257 * level for level in GREYS]))
    yield plain("grey_16.tiff", save(deep, "TIFF"), colours=grey_colours())


def bad_files():
    for name, content in {
        "text.jpg": b"this is no image",
        "page.jpg": b"<!DOCTYPE html><title>404 Not Found</title>",
        "bm.bmp": b"BMW builds cars in Munich, and this is a sentence about it.",
        "zeros.png": bytes(1000),
        "document.jpg": b"%PDF-1.7\n",
        "film.heic": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        "riff.webp": b"RIFF\x24\0\0\0WAVEfmt ",
        "one_byte.jpg": b"\xff",
    }.items():
        yield OddFile(name, content, reason=NOT_AN_IMAGE)
    yield OddFile("empty.jpg", b"", reason="empty file")
    whole = {
        "JPEG": jpeg(),
        "PNG": save(IMAGE, "PNG"),
        "WebP": save(IMAGE, "WEBP"),
        "BMP": save(IMAGE, "BMP"),
        "GIF": save(IMAGE, "GIF"),
        "TIFF": save(IMAGE, "TIFF"),
        "HEIC": save(IMAGE, "HEIF"),
        "AVIF": save(IMAGE, "AVIF"),
    }
    for kind, data in whole.items():
        suffix = kind.lower()
        yield OddFile(f"half.{suffix}", data[: len(data) // 2], reason=f"d {kind}")
        yield OddFile(f"header.{suffix}", data[:32], reason=f"d {kind}")
    yield OddFile("two_bytes_short.jpg", jpeg()[:-2], reason="truncated JPEG")
    progressive = jpeg(progressive=True)
    yield OddFile("progressive_cut.jpg", progressive[:-60], reason="truncated JPEG")
    for mode in "IF":
        real = save(GREY.convert(mode), "TIFF")
        yield OddFile(f"mode_{mode}.tiff", real, reason="TIFF of 32 bits a channel")
    yield OddFile("hollow.jpg", b"\xff\xd8\xff\xd9", reason="JPEG without pixels")
    yield OddFile("checksum.png", patched(whole["PNG"], 60, "B", whole["PNG"][60] ^ 1),
                  reason="damaged PNG")  # fmt: skip
    yield OddFile("no_palette.png", png(few_bits(range(4), 4), 4, 3), reason="damaged PNG")
    yield OddFile("no_width.png", sized_png(0, 5), reason="PNG without pixels")
    yield OddFile("no_height.png", sized_png(5, 0), reason="PNG without pixels")
    yield OddFile("no_height.jpg", sized_jpeg(64, 0), reason="JPEG without pixels")
    yield OddFile("no_width.bmp", patched(whole["BMP"], 18, "<i", 0), reason="BMP without pixels")
    yield from bombs(whole)


def bombs(whole):
    """Small files whose headers claim more pixels than may be decoded."""
    lossless = save(IMAGE, "WEBP", lossless=True)
    for name, data in {
        "bomb.jpg": sized_jpeg(60000, 60000),
        "bomb.png": sized_png(60000, 60000),
        "bomb.bmp": patched(whole["BMP"], 18, "<ii", 60000, 60000),
        "bomb.tiff": save(Image.new("1", (60000, 60000)), "TIFF", compression="group4"),
        "bomb.gif": patched(whole["GIF"], 6, "<HH", 60000, 60000),
        # Twice 14 bits of size less 1; of more pixels Pillow says itself that it decodes none.
        "bomb.webp": patched(lossless, 21, "<I", 11999 << 14 | 11999),
        # Of a size that the codec has blocks for, or the file has a cut-out with its own size.
        "bomb.heic": sized_boxes(save(IMAGE.resize((64, 64)), "HEIF"), 12000, 12000),
        "bomb.avif": sized_boxes(whole["AVIF"], 12000, 12000),
    }.items():
        yield OddFile(name, data, reason="over the limit of 100 megapixels")


@functools.cache
def corpus() -> tuple[OddFile, ...]:
    return (*good_jpegs(), *good_pngs(), *good_others(), *bad_files())
