"""Letters of every script in figures that are drawn as pixels: class names may have any.

Matplotlib's own font has Latin, Greek, Cyrillic, Hebrew and Arabic. For other letters an installed
font that has them is used; without one they are spelled by their names in Unicode. A page needs
none of it: its figures keep their text, which the reader's browser draws.
"""

import contextlib
import functools
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

OWN = "DejaVu Sans"
# Script, as names of letters begin -> the font that is told to install.
_SUGGESTED = {"CJK": "Noto Sans CJK", "HIRAGANA": "Noto Sans CJK", "KATAKANA": "Noto Sans CJK",
              "HANGUL": "Noto Sans CJK", "": "Noto Sans Symbols"}  # fmt: skip
# Fonts that have a box for each letter, as Matplotlib brings one.
_BOXES = re.compile(r"Last ?Resort|Fallback|Blank|Tofu", re.IGNORECASE)
_SIGNS = "So", "Sk"  # categories of emoji
_INVISIBLE = "Cc", "Cf", "Mn", "Zs", "Zl", "Zp"


@contextlib.contextmanager
def legible(figure: Figure) -> Iterator[None]:
    """Gives the texts of a figure fonts that have their letters while it is drawn.

    What no installed font has is spelled meanwhile, and a line on stderr says which to install.
    """
    for axis in _axes(figure):
        axis.get_ticklabels()  # which makes them
    texts: list[Any] = figure.findobj(Text)
    missing = _lacking(OWN, {letter for text in texts for letter in text.get_text()})
    families = _choose(frozenset(missing)) if missing else ()
    if families:
        for text in texts:
            text.set_fontfamily([OWN, *families])
        for family in families:
            missing = _lacking(family, missing)
    unreadable = frozenset(letter for letter in missing if _is_visible(letter))
    if not unreadable:
        yield
        return
    _tell(unreadable)
    with _all_spelled(figure, texts, missing):
        yield


def is_own(figure: Figure) -> bool:
    """Returns whether Matplotlib's own font has all letters of a figure, inside `legible`."""
    return all(len(text.get_fontfamily()) == 1 for text in figure.findobj(Text))


@contextlib.contextmanager
def _all_spelled(figure: Figure, texts: list[Any], missing: set[str]) -> Iterator[None]:
    """Spells the missing letters of a figure's texts and tick labels."""
    before = [(text, text.get_text()) for text in texts]
    ticks = [(axis, [label.get_text() for label in axis.get_ticklabels()])
             for axis in _axes(figure)]  # fmt: skip
    ticks = [(axis, names) for axis, names in ticks if missing.intersection("".join(names))]
    for text, content in before:
        text.set_text(spelled(content, missing))
    # A tick label is written anew whenever it is drawn.
    for axis, names in ticks:
        axis.set_ticks(axis.get_ticklocs(), labels=[spelled(name, missing) for name in names])
    try:
        yield
    finally:
        for text, content in before:
            text.set_text(content)
        for axis, names in ticks:
            axis.set_ticks(axis.get_ticklocs(), labels=names)


def _axes(figure: Figure) -> list[Any]:
    return [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]


def spelled(text: str, missing: Iterable[str]) -> str:
    """Returns a text with the names of its missing letters, as in "yuri" or "U+73BB U+7483".

    Args:
        text: Any.
        missing: Letters to spell.
    """
    parts = [_spelling(letter) if letter in missing else letter for letter in text]
    return "".join(parts).replace("  ", " ").strip()


def _spelling(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if unicodedata.category(letter) in _SIGNS:
        return f"[{name.lower()}]"
    if not _is_visible(letter) and "SIGN" not in name:
        return ""
    if not name or name.startswith("CJK"):
        return f"U+{ord(letter):04X} "
    return name.split()[-1].lower()


def _is_visible(letter: str) -> bool:
    return unicodedata.category(letter) not in _INVISIBLE


def _lacking(family: str, letters: Iterable[str]) -> set[str]:
    """Returns the letters that a font does not have; spaces and marks to join letters don't count.

    A font of coloured bitmaps, which Matplotlib cannot draw, has none.
    """
    found = _codes(family)
    return {letter for letter in letters if ord(letter) not in found and not letter.isspace()}


@functools.cache
def _codes(family: str) -> frozenset[int]:
    try:
        properties = font_manager.FontProperties(family=[family])
        font = font_manager.get_font(font_manager.findfont(properties, fallback_to_default=False))
        codes = frozenset(font.get_charmap())
        font.set_size(10, 100)
        font.load_char(next(iter(codes)))
    except Exception:  # damaged files, and formats that FreeType or Matplotlib don't know
        return frozenset()
    return codes


@functools.cache
def _choose(missing: frozenset[str]) -> tuple[str, ...]:
    """Returns installed fonts that together have as many of the letters as they can."""
    _look_for_new_fonts()
    plain = {
        entry.name
        for entry in font_manager.fontManager.ttflist
        if (entry.style, entry.weight) == ("normal", 400) and not _BOXES.search(entry.name)
    }
    # Families of one look first.
    names = sorted(plain, key=lambda name: (not name.startswith("Noto Sans"), name))
    chosen: list[str] = []
    left = {letter for letter in missing if _is_visible(letter)}
    while left:
        best = min(names, key=lambda name: len(_lacking(name, left)), default=OWN)
        lacking = _lacking(best, left)
        if lacking == left:
            break
        chosen.append(best)
        left = lacking
    return tuple(chosen)


def _look_for_new_fonts() -> None:
    """Adds fonts that were installed since Matplotlib made its list, which it keeps for years."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            with contextlib.suppress(Exception):  # a damaged file, as Matplotlib passes over
                font_manager.fontManager.addfont(path)


@functools.cache
def _tell(unreadable: frozenset[str]) -> None:
    fonts = sorted({_suggested(letter) for letter in unreadable})
    shown = " ".join(sorted(unreadable)[:8])
    print(
        f"Figures spell letters that no installed font has ({shown}). To see them, install a font "
        f"that has them, such as {', '.join(fonts)}.",
        file=sys.stderr,
        flush=True,
    )


def _suggested(letter: str) -> str:
    if unicodedata.category(letter) in _SIGNS:
        return "Noto Emoji"
    script = unicodedata.name(letter, "").partition(" ")[0]
    return _SUGGESTED.get(script) or f"Noto Sans {script.title()}"
