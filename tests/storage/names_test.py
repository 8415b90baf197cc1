import os

import pytest

from trash_keras.storage import names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"caf\xe9.jpg"), "caf\\xe9.jpg"),
        ("a\nb\r\t\0", "a\\nb\\r\\t\\x00"),
        ("\x1b[31mred\x9b0m\x7f", "\\x1b[31mred\\x9b0m\\x7f"),
        ("gnp\u202e.jpg\u2028\ufeff", "gnp\\u202e.jpg\\u2028\\ufeff"),
        ("half \ud83d pair", "half \\ud83d pair"),
    ],
)
def test_what_is_odd_in_a_name_is_shown_as_an_escape(name, shown):
    assert not names.is_plain(name)
    assert names.printable(name) == shown
    assert names.printable(shown) == shown


@pytest.mark.parametrize("name", ["Glas & Müll $5.jpg", "ガラス 😀.png", "می‌شود.jpg", "C:\\x", ""])
def test_ordinary_names_stay_as_they_are(name):
    assert names.is_plain(name) and names.printable(name) == name
    assert names.from_bytes(names.to_bytes(name)) == name


@pytest.mark.parametrize("raw", [b"caf\xe9", b"\xff\xfe\x00", "ü".encode(), b"\xed\xb3\xa9"])
def test_bytes_come_back(raw):
    assert names.to_bytes(names.from_bytes(raw)) == raw


def test_no_text_raises():
    assert names.to_bytes("\ud800") != names.to_bytes("\udc80")
