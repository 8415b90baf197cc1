"""A contact sheet: images in rows, each with its caption."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from trash_keras.reporting.plots import style

INCHES = 1.7  # the width of one image


@style.own()
def contact_sheet(images: Sequence[tuple[str, np.ndarray]], columns: int = 6) -> Figure:
    """Draws images in rows, from the left and from the top.

    Args:
        images: At least one (caption, uint8 [height, width, 3], RGB); images may differ in
            size. Captions are drawn as they are, never as formulas.
        columns: Images in a row, 1 or more.

    Returns:
        A figure that is as wide as its columns and grows with the number of rows.

    Raises:
        ValueError: There is no image, or no column.
    """
    if not images or columns < 1:
        raise ValueError(
            f"a contact sheet needs at least one image and one column. Received: "
            f"{len(images)} images, {columns} columns"
        )
    rows = -(-len(images) // columns)
    # No taller than the images need; one narrow strip does not stretch the whole sheet.
    tallest = min(max(image.shape[0] / image.shape[1] for _, image in images), 1.5)
    height = (INCHES * tallest + 0.4) * rows
    figure = Figure(figsize=(INCHES * columns, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (caption, pixels) in zip(panels, images, strict=False):
        axes.imshow(pixels)
        axes.set_title(caption, fontsize=9, parse_math=False)
    return figure
