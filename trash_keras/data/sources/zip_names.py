"""Names in zip archives: the format says UTF-8 or cp437, programs write what they like."""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

_IS_UTF8 = 0x800  # a flag of the format
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field
# What names in cp437 hold beyond ASCII: letters of Western Europe. Box drawings and mathematics
# mean that the bytes are in another encoding.
_WESTERN = set(bytes([*range(0x80, 0x9B), *range(0xA0, 0xA8), 0xE1]).decode("cp437"))


def decoded(members: Sequence[zipfile.ZipInfo], archive: str) -> list[str]:
    """Returns the names of all members as they were meant.

    A name that is marked as UTF-8, or has Info-ZIP's Unicode path, is taken at its word. All others
    of an archive are in one encoding: UTF-8, as macOS and some NAS devices write it without the
    mark; cp932, of Japanese Windows; or cp437, which the format prescribes.

    Args:
        members: Of one archive, as `zipfile` lists them.
        archive: What a message calls it.

    Raises:
        ValueError: The names are in another encoding.
    """
    names = [_stated(member) for member in members]
    raw = [
        member.orig_filename.encode("cp437")
        for member, name in zip(members, names, strict=True)
        if name is None
    ]
    guessed = iter(_guess(raw, archive))
    return [next(guessed) if name is None else name for name in names]


def _stated(member: zipfile.ZipInfo) -> str | None:
    if member.flag_bits & _IS_UTF8:
        return member.filename
    extra, raw = member.extra, member.orig_filename.encode("cp437")
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5:
            checksum = int.from_bytes(field[1:5], "little")
            if checksum == zlib.crc32(raw):  # or somebody renamed the member without the field
                return field[5:].decode("utf-8", "replace")
    return None


def _guess(raw: Sequence[bytes], archive: str) -> list[str]:
    for encoding in ("utf-8", "cp932"):
        try:
            names = [name.decode(encoding) for name in raw]
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or all(map(_is_japanese, names)):
            return names
    names = [name.decode("cp437") for name in raw]
    for name in names:
        if not all(letter.isascii() or letter in _WESTERN for letter in name):
            raise ValueError(
                f"{archive} has names in an encoding that it does not state, {name!r} for one. "
                "Pack it again with names in UTF-8, as in 7-Zip with -mcu=on."
            )
    return names


def _is_japanese(name: str) -> bool:
    """Tells whether a name decoded as cp932 reads as Japanese.

    A single letter with an accent and the letter behind it can look like a kanji within a word of
    other letters; Japanese comes in several, or apart from them.
    """
    previous, run = "/", 0
    for letter in [*name, "/"]:
        if not letter.isascii():
            if not unicodedata.name(letter, "").startswith(
                ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH", "MIDDLE DOT")
            ):
                return False
            run += 1
        elif run:
            if run == 1 and (previous.isalpha() or letter.isalpha()):
                return False
            run = 0
        if not run:
            previous = letter
    return True
