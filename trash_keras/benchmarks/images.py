"""Drawn JPEG files of a given number and size, in class folders, for the suites."""

import io
import os
from pathlib import Path

from PIL import Image

from trash_keras.data.sources import synthetic

SMALL, LARGE = (512, 384), (4000, 3000)  # width and height; of TrashNet, and of 12 megapixels
_DRAWN = 8  # different images of a class; more are copies of them
_LARGEST_DRAWN = 1000  # pixels; drawing takes a second for a million
_QUALITY = 92


def write(folder: str | os.PathLike, count: int, size: tuple[int, int]) -> Path:
    """Writes class folders of JPEG files.

    Of each class a few images are drawn; the others are these again, with a comment of their own
    in the file, so that all bytes differ. Sides above 1,000 pixels are enlarged from that size.

    Args:
        folder: To write; what is there already stays as it is.
        count: Images of all classes together, at least as many as there are classes.
        size: Width and height, pixels.

    Returns:
        The folder.
    """
    folder = Path(folder)
    if folder.exists():
        return folder
    names = synthetic.CLASS_NAMES
    scale = max(1, -(-max(size) // _LARGEST_DRAWN))
    drawn: dict[tuple[str, int], bytes] = {}
    for number in range(count):
        name, index = names[number % len(names)], number // len(names)
        key = name, index % _DRAWN
        if key not in drawn:
            pixels = synthetic.draw_image(name, 0, key[1], (size[0] // scale, size[1] // scale))
            drawn[key] = _jpeg(Image.fromarray(pixels).resize(size))
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{index}.jpg").write_bytes(_with_comment(drawn[key], str(number)))
    return folder


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """Returns a JPEG with a comment behind its first marker (ITU-T T.81, B.2.4.5)."""
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
