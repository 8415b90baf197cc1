"""Class names of any script can be read in figures."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from trash_keras.reporting.plots import base, class_figures, fonts, svg
from trash_keras.reporting.plots.contact_sheet import contact_sheet

GLASS = {"Chinese": "玻璃", "Hindi": "काँच", "Korean": "유리", "Japanese": "ガラス", "emoji": "🍾"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No font but Matplotlib's own, and nothing remembered."""
    own = [entry for entry in font_manager.fontManager.ttflist if entry.name == fonts.OWN]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    for cached in (fonts._codes, fonts._choose, fonts._tell):
        cached.cache_clear()
    yield
    for cached in (fonts._codes, fonts._choose, fonts._tell):
        cached.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a font in which each of the given letters is a black box."""

    def make(name, letters):
        glyphs = [".notdef", *(f"g{index}" for index in range(len(letters)))]
        pen = TTGlyphPen(None)
        for move, point in zip(("moveTo", "lineTo", "lineTo", "lineTo"),
                               ((0, 0), (0, 900), (900, 900), (900, 0)), strict=True):  # fmt: skip
            getattr(pen, move)(point)
        pen.closePath()
        box, empty = pen.glyph(), TTGlyphPen(None).glyph()
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(glyphs)
        builder.setupCharacterMap(
            {ord(letter): f"g{index}" for index, letter in enumerate(letters)}
        )
        builder.setupGlyf({glyph: empty if glyph == ".notdef" else box for glyph in glyphs})
        builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
        builder.setupHorizontalHeader(ascent=900, descent=-100)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2(usWeightClass=400)
        builder.setupPost()
        path = tmp_path / f"{name}.ttf"
        builder.save(path)
        found = [*font_manager.findSystemFonts(), str(path)]
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: found)

    return make


def drawn(figure, folder):
    """Saves a figure; a letter that no font has would be a warning, and so an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        base.save(figure, folder / "figure.png")
    return np.asarray(Image.open(folder / "figure.png").convert("L"))


def figures(name):
    image = np.full((20, 20, 3), 255, np.uint8)
    run = {"name": name, "accuracy": 0.5, "accuracy_interval": (0.4, 0.6)}
    return {
        "confusion matrix": class_figures.confusion_matrix([[3, 0], [1, 2]], [name, "paper"]),
        "class balance": class_figures.class_balance({"train": {name: 3}, "test": {name: 1}}),
        "accuracies": base.accuracies([run]),
        "contact sheet": contact_sheet([(f"{name} → paper", image)]),
    }


@pytest.mark.parametrize("language", GLASS)
def test_names_without_a_font_are_spelled_and_a_line_says_which_helps(language, tmp_path, capsys):
    for figure in figures(GLASS[language]).values():
        drawn(figure, tmp_path)
    error = capsys.readouterr().err
    assert error.startswith("Figures spell letters that no installed font has")
    assert error.count("\n") == 1, "once, whatever the number of figures"
    suggested = {"Hindi": "Noto Sans Devanagari", "emoji": "Noto Emoji"}
    assert suggested.get(language, "Noto Sans CJK") in error


@pytest.mark.parametrize("name", ["زجاج", "стекло", "γυαλί", "זכוכית", "Glas-Flasche №1", "a$b"])
def test_names_that_matplotlib_can_draw_stay(name, tmp_path, capsys):
    for figure in figures(name).values():
        drawn(figure, tmp_path)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", figures("x"))
def test_an_installed_font_is_found_even_a_new_one(kind, install, tmp_path, capsys):
    """The letters of the font are black boxes, so the figure has ink that it would not have."""
    install("Tiny Script", "玻璃")
    install("Other Script", "काँच")
    for name in ("玻璃", "काँच", "玻काँ"):
        figure = figures(name)[kind]
        drawn(figure, tmp_path)
        assert capsys.readouterr().err == ""
        families = {family for text in figure.findobj(fonts.Text) for family in text.get_family()}
        assert families & {"Tiny Script", "Other Script"}


@pytest.mark.parametrize(("name", "form"), [("玻璃", b"/Type3"), ("glass", b"/CIDFontType2")])
def test_a_pdf_embeds_what_it_is_drawn_with(name, form, install, tmp_path):
    install("Tiny Script", "玻璃")
    base.save_formats(figures(name)["accuracies"], tmp_path / "one", "A title")
    assert form in (tmp_path / "one.pdf").read_bytes()


def test_a_font_of_boxes_is_none(install, tmp_path, capsys):
    install("Last Resort Unicode", "玻璃")
    drawn(figures("玻璃")["class balance"], tmp_path)
    assert "no installed font" in capsys.readouterr().err


def test_spelling():
    def spelled(text):
        return fonts.spelled(text, {letter for letter in text if ord(letter) > 0x2FF})

    assert spelled("유리") == "yuri" and spelled("ガラス") == "garasu"
    assert spelled("玻璃 (glass)") == "U+73BB U+7483 (glass)"
    assert spelled("🍾 bottle") == "[bottle with popping cork] bottle"
    assert spelled("♻️") == "[black universal recycling symbol]"
    assert spelled("plain") == "plain"
    assert len({spelled(name) for name in GLASS.values()}) == len(GLASS)


def test_a_figure_has_its_names_again_after_it_was_drawn(tmp_path):
    figure = class_figures.confusion_matrix([[3, 0], [1, 2]], ["玻璃", "paper"])
    svg.pixels(figure)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["玻璃", "paper"]


def test_pages_keep_the_letters_for_the_readers_fonts():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = svg.draw(base.accuracies(
            [{"name": "玻璃 🍾", "accuracy": 0.5, "accuracy_interval": (0.4, 0.6)}]
        ))  # fmt: skip
    assert "玻璃 🍾</text>" in text and "U+73BB" not in text
