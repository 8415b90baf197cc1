"""What all pages share: templates, style, escaping, and small images inside the file."""

import base64
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from trash_keras.data import decoding, formats
from trash_keras.data.decoding import ReadImages
from trash_keras.storage import local
from trash_keras.storage.names import printable

THUMBNAIL_SIDE = 160  # pixels, the longer side
# Encoded images may be large: not all of them are held in memory.
READ_AT_ONCE = 100
# What a reader looks for first; all other facts of a run come after it.
RUN_ORDER = ("command", "date", "git_revision", "python", "tensorflow", "keras", "machine")
# Read with the module: a run of hours must not meet newer templates at its end.
_SHARED = {
    path.name: path.read_text(encoding="utf-8")
    for path in Path(__file__).with_name("templates").glob("*.j2")
}

# Lets a reader search long tables; without script the browser's own search finds a row.
FIND = Path(__file__).with_name("templates").joinpath("find.js").read_text(encoding="utf-8")
LONG_TABLE = 25  # rows; longer ones scroll inside the page and can be searched


def write(path: str | os.PathLike, template: str, **values: Any) -> None:
    """Fills a template and writes the page, complete or not at all.

    The template can include the templates of this folder, like `style.css.j2` and
    `definitions.html.j2`; all values are escaped.

    Args:
        path: HTML file to write.
        template: Source of a Jinja template.
        **values: What the template names.

    Raises:
        jinja2.UndefinedError: The template names a value that is not given.
        OSError: The page cannot be written.
    """
    text = environment().from_string(template).render(**values)
    local.write_text(path, printable(text, keep="\n\r\t"))


def environment(autoescape: bool = True) -> jinja2.Environment:
    """Returns the Jinja environment of pages and cards; a missing value is an error.

    Args:
        autoescape: True for HTML; False for Markdown, whose templates escape by themselves and
            keep their last line break.
    """
    environment = jinja2.Environment(
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not autoescape,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader(_SHARED),
    )
    environment.filters["percent"] = lambda share: f"{share:.1%}"
    environment.filters["confidence"] = lambda p: ">99%" if p >= 0.995 else f"{p:.0%}"
    environment.filters["setting"] = _setting
    environment.globals |= {"find_script": FIND, "find_hash": content_hash(FIND),
                            "long_table": LONG_TABLE}  # fmt: skip
    return environment


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None or value == "" else str(value)


def content_hash(text: str) -> str:
    """Returns a script's name in the content security policy, which lets no other one run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def ordered(run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a run in the order of a page, by title."""
    names = [name for name in RUN_ORDER if name in run]
    names += [name for name in run if name not in RUN_ORDER]
    return {name.replace("_", " "): "unknown" if run[name] is None else run[name] for name in names}


def thumbnail(image: bytes, side: int = THUMBNAIL_SIDE) -> str | None:
    """Returns a JPEG of at most `side` pixels as a data URI, or None if the image has no pixels."""
    small = shrink(image, side)
    return None if small is None else jpeg(small)


def shrink(image: bytes, side: int) -> np.ndarray | None:
    """Returns an encoded image with a longer side of at most `side` pixels.

    Args:
        image: The bytes of a file.
        side: Pixels.

    Returns:
        uint8 [height, width, 3], RGB, or None if it has no pixels.
    """
    try:
        small = Image.fromarray(decoding.decode(image))
    except formats.UndecodableError:
        return None
    small.thumbnail((side, side))
    return np.asarray(small)


def jpeg(pixels: np.ndarray) -> str:
    """Returns uint8 [height, width, 3], RGB, as the data URI of a JPEG."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=80)
    return data_uri(encoded.getvalue(), "jpeg")


def data_uri(content: bytes, subtype: str) -> str:
    """Returns an image file of type `image/SUBTYPE` as text for the `src` of an `img`."""
    return f"data:image/{subtype};base64,{base64.b64encode(content).decode()}"


class Thumbnails:
    """Small images as data URIs, each made once, as long as they fit into a page.

    Args:
        read_images: Files -> their encoded bytes; those that it leaves out are missing.
        budget: Bytes that all uses together may take; an image shown twice counts twice.
        side: Pixels, the longer side.
    """

    def __init__(self, read_images: ReadImages, budget: int, side: int = THUMBNAIL_SIDE) -> None:
        self._read_images = read_images
        self._side = side
        self._made: dict[str, str | None] = {}
        self._left = budget

    def make(self, files: Sequence[str]) -> None:
        """Reads and shrinks images."""
        new = [file for file in dict.fromkeys(files) if file not in self._made]
        for start in range(0, len(new), READ_AT_ONCE):
            part = new[start : start + READ_AT_ONCE]
            images = self._read_images(part)
            self._made |= {file: thumbnail(images.get(file, b""), self._side) for file in part}

    def use(self, file: str) -> tuple[bool, str | None]:
        """Returns whether an image fits, and its data URI, None if it is not readable."""
        self.make([file])
        found = self._made[file]
        size = len(found or "")
        if size > self._left:
            return False, None
        self._left -= size
        return True, found

    def __getitem__(self, file: str) -> str | None:
        """Returns the data URI of an image, for templates; None without room or pixels."""
        return self.use(file)[1]


def balance_rows(
    counts: Mapping[str, Mapping[str, int]], class_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns the rows of a table of classes.

    Args:
        counts: Split -> class name -> images.
        class_names: In the order of the rows.

    Returns:
        For each class `name`, its images in each of the `splits` and in `all`, and these as
        `share` of all images and `of_largest` class, 0 to 1.
    """
    totals = {name: sum(split.get(name, 0) for split in counts.values()) for name in class_names}
    everything, largest = max(sum(totals.values()), 1), max([*totals.values(), 1])
    return [
        {
            "name": name,
            "splits": [split.get(name, 0) for split in counts.values()],
            "all": total,
            "share": total / everything,
            "of_largest": total / largest,
        }
        for name, total in totals.items()
    ]
