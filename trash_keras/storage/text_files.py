"""Text files as other systems write them: byte-order marks, UTF-16, and any line ends."""

import codecs
import json
import os
from typing import Any

# A mark of UTF-32 begins like one of UTF-16, so it comes first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding(path: str | os.PathLike) -> str:
    """Returns what the byte-order mark of a file says, UTF-8 without one.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")


def from_json(text: str | bytes) -> Any:
    """Returns what a JSON text holds.

    Raises:
        ValueError: It is no JSON, or nested deeper than Python can go.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its lists or objects are nested too deeply") from error


def read(path: str | os.PathLike, errors: str = "strict", newline: str | None = None) -> str:
    """Reads a text file; its lines end in a line feed, whatever system wrote it.

    Args:
        path: UTF-8, or UTF-16 or UTF-32 with a byte-order mark, which is left out.
        errors: strict, or surrogateescape where it lists file names of any bytes.
        newline: As of `open`; empty leaves the ends of lines as they are.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is text in another encoding, or no text.
    """
    try:
        with open(path, encoding=encoding(path), errors=errors, newline=newline) as file:
            text = file.read()
    except UnicodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}. Save it as UTF-8.") from error
    if "\0" in text:
        raise ValueError(f"{path} holds zero bytes, so it is no UTF-8 text. Save it as UTF-8.")
    return text
