"""Makes the images of the web page: its icons from icon.svg, and the drawn examples.

    python -m tools.page_images

Writes web/icons/ and web/examples/. Needs Chromium and its driver.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tools import docs_images
from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.data.sources import synthetic
from trash_keras.serving.web_demo import PAGE

DRAWN_SIDE = 1024  # pixels
SIDES = {"192": 192, "512": 512, "maskable": 512}
SAFE_SHARE = 0.8  # of a maskable icon, which systems may cut to a circle of that diameter
# Class -> the number of its drawing. The packaged model knows them all but trash, of which it is
# unsure in every drawing. These are its surest among the first 60 of cardboard, metal and paper,
# and among the first 500 of the others.
EXAMPLES = {"cardboard": 60, "glass": 387, "metal": 6, "paper": 10, "plastic": 187, "trash": 417}
SIZE = (480, 360)  # pixels


def main(paths: Sequence[str]) -> None:
    """Writes icons and examples."""
    reject_positional_arguments(paths)
    for name in ("icons", "examples"):
        (PAGE / name).mkdir(exist_ok=True)
    draw_icons(PAGE)
    for name, number in EXAMPLES.items():
        image = Image.fromarray(synthetic.draw_image(name, 0, number, SIZE))
        image.save(PAGE / "examples" / f"{name}.jpg", quality=85)


def draw_icons(page: Path) -> None:
    """Writes icons/*.png as Chromium draws icon.svg."""
    with docs_images.browser() as chromium:
        clear = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
        chromium.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", clear)
        docs_images.resize(chromium, DRAWN_SIDE, DRAWN_SIDE)
        chromium.get((page / "icon.svg").resolve().as_uri())
        drawn = Image.open(io.BytesIO(chromium.get_screenshot_as_png())).convert("RGBA")
    for name, side in SIDES.items():
        icon = on_full_ground(drawn) if name == "maskable" else drawn
        icon = icon.resize((side, side), Image.Resampling.LANCZOS).quantize(64)
        icon.save(page / "icons" / f"{name}.png", optimize=True)


def on_full_ground(icon: Image.Image) -> Image.Image:
    """Returns the icon smaller, on its own colour up to the rim."""
    side = icon.width
    ground = Image.new("RGBA", icon.size, icon.getpixel((side // 2, side // 16)))
    inner = icon.resize([round(side * SAFE_SHARE)] * 2, Image.Resampling.LANCZOS)
    ground.alpha_composite(inner, [(side - inner.width) // 2] * 2)
    return ground


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
