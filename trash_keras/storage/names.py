"""Names of files and classes, whatever bytes and characters they hold.

A file name is bytes. Python shows those that are not UTF-8 as lone surrogates, which can be opened,
but neither printed nor written as UTF-8. Control characters and line breaks are allowed in names,
too, and do things to a terminal. So names are hashed, stored and shown through this module.
"""

import os
import re
import unicodedata

# Control characters, line and paragraph separators, lone surrogates; and what cannot be seen or
# turns the writing direction, so that a name shows as another one.
_ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    "\u061c\u200b\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069]"
)


def to_bytes(name: str) -> bytes:
    """Returns UTF-8, and the bytes that a name had on disk where they are not UTF-8.

    What Python could not have read from a disk, such as half a pair of surrogates, gets the three
    bytes of its code point. So no name raises.
    """
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def from_bytes(name: bytes) -> str:
    """Returns the name that `to_bytes` made bytes of."""
    return name.decode("utf-8", "surrogateescape")


def require_utf8(path: str | os.PathLike) -> None:
    """Raises ValueError for a path that is not UTF-8, where a library would have to open it."""
    text = os.fspath(path)
    if not text.isascii() and any(0xD800 <= ord(one) <= 0xDFFF for one in text):
        raise ValueError(
            "Models and shards must lie in folders with names in UTF-8, or their libraries cannot "
            f"open them. Received: {printable(text)}"
        )


def key(path: str) -> str:
    """Returns what spellings of a path have in common.

    macOS decomposes letters with accents, and Windows has another slash.
    """
    return unicodedata.normalize("NFC", path.replace("\\", "/"))


def is_plain(name: str) -> bool:
    """Tells whether `printable` leaves a name as it is."""
    return not _ODD.search(name)


def printable(text: str, keep: str = "") -> str:
    r"""Returns text for people: odd bytes and control characters as in `caf\xe9` and `a\nb`.

    Args:
        text: Names, or whole messages that hold some.
        keep: Characters to leave as they are, such as line breaks between names.

    Returns:
        Text that every UTF-8 file takes, and that does nothing to a terminal.
    """
    return _ODD.sub(lambda odd: odd[0] if odd[0] in keep else _escaped(odd[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return repr(character)[1:-1]
