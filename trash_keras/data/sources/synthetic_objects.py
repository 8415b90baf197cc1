"""The objects of the synthetic images, one painter for each class.

The classes differ by shape and texture; their colours overlap.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from trash_keras.data.sources.synthetic_canvas import (
    CANVAS,
    Colour,
    contrast,
    draw_corrugated_face,
    new_layer,
    outline_of_revolution,
    pick_colour,
    shade,
    tint,
)


def _paint_cardboard(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    width, height = generator.uniform(90, 120), generator.uniform(70, 100)
    depth = np.array([generator.uniform(30, 50), -generator.uniform(28, 45)])
    origin = np.array([128 - (width + depth[0]) / 2, 150 - height / 2])
    across, down = np.array([width, 0]), np.array([0, height])
    right, flutes = origin + across, int(generator.integers(7, 11))
    front = np.array([origin, right, right + down, origin + down])
    side = np.array([right, right + depth, right + depth + down, right + down])
    top = np.array([origin, right, right + depth, origin + depth])
    if generator.random() < 0.35:
        draw_corrugated_face(draw, top, tint(colour, 1.2), flutes)
        start, stop = origin + across * 0.42, origin + across * 0.58
        tape = [*start, *stop, *(stop + depth), *(start + depth)]
        draw.polygon(tape, fill=tint(colour, 1.6))
    else:
        draw.polygon(top.ravel().tolist(), fill=tint(colour, 0.3))
        flap = np.array([generator.uniform(-6, 14), -generator.uniform(28, 42)])
        back = np.array([top[3], top[2], top[2] + flap, top[3] + flap])
        draw_corrugated_face(draw, back, tint(colour, 0.85), flutes)
        wing = np.array([-generator.uniform(22, 34), generator.uniform(-22, 10)])
        left = np.array([top[0], top[3], top[3] + wing, top[0] + wing])
        draw_corrugated_face(draw, left, tint(colour, 1.15), flutes // 2)
    draw_corrugated_face(draw, side, tint(colour, 0.65), flutes // 2)
    draw_corrugated_face(draw, front, colour, flutes)
    if generator.random() < 0.65:
        drop = np.array([-generator.uniform(2, 14), generator.uniform(24, 38)])
        flap_front = np.array([origin, right, right + drop, origin + drop])
        draw_corrugated_face(draw, flap_front, tint(colour, 1.3), flutes)
    return layer


def _paint_glass(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    if generator.random() < 0.6:
        body, neck = generator.uniform(36, 46), generator.uniform(12, 16)
        shoulder = generator.uniform(80, 110)
        heights = [10, 22, 24, shoulder, shoulder + 35, 238, 246]
        half_widths = [neck + 3, neck + 3, neck, neck + 2, body, body, body - 6]
    else:
        body, neck = generator.uniform(58, 72), generator.uniform(46, 56)
        heights = [48, 64, 66, 76, 92, 204, 216]
        half_widths = [neck, neck, neck - 5, neck - 4, body, body, body - 8]
    outline = outline_of_revolution(heights, half_widths)
    top, bottom, wall = heights[0], heights[-1], tint(colour, 0.45, 215)
    draw.polygon(outline, fill=tint(colour, 1.1, int(generator.integers(45, 85))))
    base = [128 - body + 6, bottom - 22, 128 + body - 6, bottom - 4]
    draw.ellipse(base, fill=tint(colour, 0.6, 130), outline=wall, width=3)
    draw.line([*outline, outline[0]], fill=wall, width=6, joint="curve")
    rim = [128 - half_widths[0], top - 7, 128 + half_widths[0], top + 7]
    draw.ellipse(rim, fill=tint(colour, 1.3, 110), outline=wall, width=4)
    # Two bright streaks, one of them broken, read as window light on a curved wall.
    streak, start = 128 - body * generator.uniform(0.55, 0.7), heights[4] + 8
    draw.rounded_rectangle([streak, start, streak + 9, bottom - 34], 4, fill=(255, 255, 255, 225))
    far, cut = 128 + body * generator.uniform(0.5, 0.65), generator.uniform(0.3, 0.6)
    split = start + (bottom - 40 - start) * cut
    draw.rounded_rectangle([far, start, far + 5, split - 6], 2, fill=(255, 255, 255, 190))
    draw.rounded_rectangle([far, split + 6, far + 5, bottom - 40], 2, fill=(255, 255, 255, 150))
    return layer


def _paint_metal(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    half, reach = generator.uniform(48, 66), generator.uniform(62, 84)
    tilt, steel = half * generator.uniform(0.36, 0.5), tint((205, 208, 212), 1.0)
    left, right, top, bottom = 128 - half, 128 + half, 134 - reach, 128 + reach
    draw.ellipse([left, bottom - tilt, right, bottom + tilt], fill=steel)
    draw.rectangle([left, top, right, bottom], fill=steel)
    # The printed band follows the curve of the can, so its edges are arcs and not straight.
    upper, lower = top + tilt * 0.5, bottom - reach * generator.uniform(0.1, 0.5)
    draw.rectangle([left, upper, right, lower], fill=colour)
    draw.pieslice([left, lower - tilt, right, lower + tilt], 0, 180, fill=colour)
    for row in np.linspace(upper + 18, bottom - 8, int(generator.integers(3, 6))):
        box = [left, row - tilt, right, row + tilt]
        draw.arc(box, 0, 180, fill=tint(colour, 0.5), width=3)
    columns = (np.arange(CANVAS) - left) / (right - left)
    bands = 0.75 + 0.45 * np.cos(2 * np.pi * (columns * 2 + generator.uniform(-0.15, 0.15)))
    edge = np.clip(1.1 - np.abs(columns * 2 - 1) ** 4 * 0.7, 0.3, 1.1)
    brushed = generator.normal(1.0, 0.07, (1, CANVAS))
    layer = shade(layer, bands[None] * edge[None] * 0.75 * brushed + 0.25)
    draw = ImageDraw.Draw(layer)
    lid = np.array([left, top - tilt, right, top + tilt])
    draw.ellipse([*lid], fill=(222, 224, 228, 255), outline=(110, 112, 118, 255), width=5)
    inset = np.array([9, 7, -9, -7])
    draw.ellipse([*(lid + inset)], fill=(172, 175, 180, 255), outline=(120, 122, 128, 255), width=3)
    draw.chord([*(lid + inset * 1.6)], 200, 330, fill=(235, 237, 240, 255))
    tab = np.array([128 - half * 0.2, top - tilt * 0.2, 128 + half * 0.2, top + tilt * 0.62])
    draw.ellipse([*tab], fill=(238, 240, 242, 255), outline=(70, 72, 78, 255), width=4)
    hole = tab + np.array([half * 0.12, tilt * 0.36, -half * 0.12, -tilt * 0.16])
    draw.ellipse([*hole], fill=(80, 82, 88, 255))
    return layer


def _paint_sheet(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    half_width, half_height = generator.uniform(58, 74), generator.uniform(82, 98)
    left, right = 128 - half_width, 128 + half_width
    top, bottom = 128 - half_height, 128 + half_height
    fold = generator.uniform(24, 42) if generator.random() < 0.6 else 0
    corners = [(left, top), (right - fold, top), (right, top + fold), (right, bottom)]
    edge = tint(colour, 0.6)
    draw.polygon([*corners, (left, bottom)], fill=colour, outline=edge, width=2)
    if fold:
        flap = [(right - fold, top), (right, top + fold), (right - fold, top + fold)]
        draw.polygon(flap, fill=tint(colour, 0.75), outline=edge, width=2)
    ink, pitch = tint(colour, contrast(colour)), generator.uniform(13, 17)
    title = left + half_width * generator.uniform(0.6, 1.2)
    draw.rectangle([left + 12, top + 14, title, top + 24], fill=ink)
    for row in np.arange(top + max(fold, 24) + 14, bottom - 12, pitch):
        column, stop = left + 12, right - 12 - (generator.random() < 0.2) * half_width
        while column < stop - 8:
            word = generator.uniform(10, 30)
            draw.line([column, row, min(column + word, stop), row], fill=ink, width=5)
            column += word + 7
    return layer


def _paint_paper(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer = _paint_sheet(generator, colour)
    if generator.random() < 0.4:
        under = _paint_sheet(generator, tint(colour, generator.uniform(0.8, 1.3)))
        under = under.rotate(generator.uniform(-20, 20), Image.Resampling.BILINEAR)
        layer = Image.alpha_composite(under, layer)
    crease = np.where(np.arange(CANVAS) < 128 + generator.uniform(-30, 30), 1.0, 0.9)
    return shade(layer, crease[:, None])


def _paint_plastic(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    second, half = pick_colour(generator), generator.uniform(44, 58)
    if generator.random() < 0.6:
        heights = [34, 46, 78, 140, 152, 164, 232, 244]
        half_widths = [17, 18, half, half, half - 9, half, half, half - 8]
        cap, label, half_cap = (10.0, 38.0), (88.0, 136.0), 22.0
    else:
        heights = [62, 70, 196, 206]
        half_widths = [half + 20, half + 18, half + 2, half - 6]
        cap, label, half_cap = (48.0, 68.0), (96.0, 158.0), half + 26
    draw.polygon(
        outline_of_revolution(heights, half_widths), fill=colour, outline=tint(colour, 0.5)
    )
    for row in np.arange(label[1] + 10, heights[-1] - 12, 15).tolist():
        draw.line([128 - half, row, 128 + half, row], fill=tint(colour, 0.65), width=4)
    reach = np.interp(np.mean(label), heights, half_widths)
    draw.rectangle([128 - reach, label[0], 128 + reach, label[1]], fill=second)
    mark = [128 - 20, label[0] + 10, 128 + 20, label[1] - 10]
    draw.ellipse(mark, fill=tint(second, contrast(second)))
    cap_colour = tint(second, generator.uniform(0.7, 1.3))
    box = [128 - half_cap, cap[0], 128 + half_cap, cap[1]]
    draw.rounded_rectangle(box, 5, fill=cap_colour, outline=tint(cap_colour, 0.5), width=3)
    for column in np.arange(box[0] + 7, box[2] - 3, 8).tolist():
        draw.line([column, cap[0] + 4, column, cap[1] - 4], fill=tint(cap_colour, 0.6), width=2)
    columns = (np.arange(CANVAS) - 128) / half
    layer = shade(layer, np.clip(1.15 - 0.4 * np.abs(columns + 0.25) ** 1.5, 0.4, 1.2))
    # One wide soft gloss spot, over label and body alike, is what says smooth and moulded.
    gloss = Image.new("L", layer.size, 0)
    spot = [128 - half * 0.62, heights[1] + 32, 128 - half * 0.34, heights[-1] - 26]
    ImageDraw.Draw(gloss).ellipse(spot, fill=235)
    layer.paste((255, 255, 255, 255), (0, 0), gloss.filter(ImageFilter.BoxBlur(2)))
    return layer


def _crumple(
    draw: ImageDraw.ImageDraw, generator: np.random.Generator, centre: np.ndarray, radius: float
) -> None:
    """Draws one crumpled lump: two jagged rings of facets, each facet lit on its own."""
    colour, sides = pick_colour(generator, "trash"), int(generator.integers(9, 14))
    angles = np.arange(sides) * 2 * np.pi / sides + generator.uniform(-0.2, 0.2, sides)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outer = centre + ring * radius * generator.uniform(0.65, 1.0, (sides, 1))
    inner = centre + ring * radius * generator.uniform(0.25, 0.6, (sides, 1))
    for side in range(sides):
        after = (side + 1) % sides
        rim, core = (outer[side], outer[after]), (inner[side], inner[after])
        for facet in ((*rim, inner[side]), (*core, outer[after]), (*core, centre)):
            fill = tint(colour, generator.uniform(0.4, 1.35))
            draw.polygon(np.ravel(facet).tolist(), fill=fill)


def _paint_trash(generator: np.random.Generator, colour: Colour) -> Image.Image:
    layer, draw = new_layer()
    for _ in range(int(generator.integers(4, 8))):
        start = 128 + generator.uniform(-85, 85, 2)
        bend, stop = start + generator.uniform(-45, 45, 2), 128 + generator.uniform(-60, 60, 2)
        fill, width = pick_colour(generator, "trash"), int(generator.integers(5, 14))
        draw.line([*start, *bend, *stop], fill=fill, width=width, joint="curve")
    for _ in range(int(generator.integers(2, 5))):
        centre = 128 + generator.uniform(-48, 48, 2)
        _crumple(draw, generator, centre, generator.uniform(40, 72))
    for _ in range(int(generator.integers(3, 8))):
        centre = 128 + generator.uniform(-75, 75, 2)
        scrap = centre + generator.uniform(-20, 20, (4, 2))
        fill = tint(colour, generator.uniform(0.5, 1.4))
        draw.polygon(scrap.ravel().tolist(), fill=fill)
    return layer


PAINTERS: dict[str, Callable[[np.random.Generator, Colour], Image.Image]] = {
    "cardboard": _paint_cardboard,
    "glass": _paint_glass,
    "metal": _paint_metal,
    "paper": _paint_paper,
    "plastic": _paint_plastic,
    "trash": _paint_trash,
}
