"""Figures as SVG files whose colours follow the light or dark mode of the reader."""

import io
import re
import warnings

from matplotlib import rc_context
from matplotlib.figure import Figure

from trash_keras.reporting.plots import fonts, style
from trash_keras.reporting.plots.base import COLOURS, FRAME, GRID, QUIET, TEXT
from trash_keras.reporting.plots.style import ONE_COLUMN

PAGE_WIDTH = 3.75  # inches; at this size the letters can be read on a phone
PIXELS_PER_INCH = 180  # sharp at twice the width that pages show
# Colour of a figure -> what stands for it on a dark page.
DARK = {
    COLOURS[0].lower(): "#4fa8e0",
    COLOURS[1].lower(): "#ff8f4d",
    COLOURS[2].lower(): "#3ecf9f",
    COLOURS[3].lower(): "#e39cc4",
    QUIET: "#a2a8b0",
    GRID: "#2c3036",
    FRAME: "#4a5058",
    TEXT: "#e6e8ea",
    "#000000": "#e6e8ea",
    "#ffffff": "#15171a",
}


@style.own()
def draw(figure: Figure) -> str:
    """Draws a figure for a page.

    Letters stay letters, in the reader's own font. A figure of one column is laid out again,
    `PAGE_WIDTH` wide; a wider one, with long names, keeps its width.

    Args:
        figure: Drawn in colours of `DARK`; others stay as they are.

    Returns:
        An SVG file, always the same for the same figure.
    """
    width, height = figure.get_size_inches()
    if width <= ONE_COLUMN:
        figure.set_size_inches(PAGE_WIDTH, height * PAGE_WIDTH / width)
    drawn = io.StringIO()
    with (
        rc_context({"svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        # The reader's fonts have more letters than the one that the text is measured with.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    # Matplotlib names its own fonts first, which hardly anybody has.
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", drawn.getvalue())
    text = re.sub(
        r"\b(fill|stroke): #([0-9a-f]{6})\b",
        lambda found: (
            f"{found[1]}: var(--c{found[2]})" if f"#{found[2]}" in DARK else found.group()
        ),
        text,
    )
    # Letters in black come without a colour of their own.
    style = (
        f"<style>:root {{ {_variables({colour: colour for colour in DARK})} }}\n"
        "text { fill: var(--c000000); }\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}</style>\n"
    )
    return text.replace("<defs>", style + "<defs>", 1)


def _variables(palette: dict[str, str]) -> str:
    return " ".join(f"--c{name[1:]}: {value};" for name, value in palette.items())


@style.own()
def pixels(figure: Figure) -> bytes:
    """Draws a figure as PNG file on a white ground."""
    drawn = io.BytesIO()
    with fonts.legible(figure):
        figure.savefig(drawn, dpi=PIXELS_PER_INCH, format="png")
    return drawn.getvalue()
