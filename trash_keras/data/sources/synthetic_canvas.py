"""What the painters of synthetic images share: the canvas, colours, shading and outlines."""

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, ...]
Point = tuple[float, float]

# Objects are painted upright inside a circle of this diameter, then turned and scaled at once.
CANVAS = 256

# Only this share of the objects has the colour one expects of its class; the others have any.
_TYPICAL_SHARE = 0.7
_ANY_HSV = ((0.0, 1.0), (0.0, 0.8), (0.4, 1.0))
_TYPICAL_HSV = {
    "cardboard": ((0.06, 0.11), (0.3, 0.6), (0.5, 0.8)),
    "glass": ((0.2, 0.5), (0.2, 0.7), (0.4, 0.9)),
    "metal": ((0.55, 0.65), (0.0, 0.15), (0.5, 0.9)),
    "paper": ((0.08, 0.16), (0.0, 0.12), (0.8, 1.0)),
    "plastic": ((0.0, 1.0), (0.7, 1.0), (0.6, 1.0)),
    "trash": ((0.0, 1.0), (0.0, 0.5), (0.3, 0.6)),
}


def pick_colour(generator: np.random.Generator, class_name: str | None = None) -> Colour:
    """Draws any colour, or mostly one that is expected of a class; RGB, 0..255."""
    ranges = _ANY_HSV
    if class_name is not None and generator.random() < _TYPICAL_SHARE:
        ranges = _TYPICAL_HSV[class_name]
    hue, saturation, value = (generator.uniform(low, high) for low, high in ranges)
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))


def tint(colour: Colour, factor: float, alpha: int = 255) -> Colour:
    """Scales a colour's brightness: below 1 darkens, above 1 moves towards white."""
    if factor > 1:
        return (*(round(part + (255 - part) * min(factor - 1, 1)) for part in colour[:3]), alpha)
    return (*(round(part * factor) for part in colour[:3]), alpha)


def contrast(colour: Colour) -> float:
    """Returns the tint factor that makes marks on this colour readable."""
    return 0.35 if sum(colour[:3]) > 300 else 1.75


def new_layer() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Returns a transparent RGBA canvas and what draws on it."""
    layer = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 0))
    return layer, ImageDraw.Draw(layer)


def shade(layer: Image.Image, factor: np.ndarray) -> Image.Image:
    """Multiplies the colours by factor (float, broadcast to [256, 256]); alpha stays."""
    pixels = np.asarray(layer).astype(np.float32)
    pixels[..., :3] *= np.broadcast_to(factor, (CANVAS, CANVAS))[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")


def outline_of_revolution(heights: Sequence[float], half_widths: Sequence[float]) -> list[Point]:
    """Returns the outline of a body of revolution standing on the canvas's middle line."""
    rows = np.linspace(heights[0], heights[-1], 60)
    widths = np.pad(np.interp(rows, heights, half_widths), 3, mode="edge")
    widths = np.convolve(widths, np.ones(7) / 7, mode="valid")
    middle = CANVAS / 2
    left = list(zip(middle - widths, rows, strict=True))
    right = list(zip(middle + widths, rows, strict=True))
    return [(float(x), float(y)) for x, y in left + right[::-1]]


def draw_corrugated_face(
    draw: ImageDraw.ImageDraw, corners: np.ndarray, colour: Colour, flutes: int
) -> None:
    """Fills a four-cornered face and rules it from its first side to its third with flutes."""
    draw.polygon(corners.ravel().tolist(), fill=colour)
    first, second, third, fourth = corners
    for step in (np.arange(flutes) + 0.5) / flutes:
        start, stop = first + (second - first) * step, fourth + (third - fourth) * step
        draw.line([*start, *stop], fill=tint(colour, 0.72), width=4)
        draw.line([start[0] + 4, start[1], stop[0] + 4, stop[1]], fill=tint(colour, 1.25), width=2)
    draw.polygon(corners.ravel().tolist(), outline=tint(colour, 0.5), width=3)
