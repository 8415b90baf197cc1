"""Pictures beside each other, each with its caption."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

INCHES = 1.7  # the width of one picture


def contact_sheet(pictures: Sequence[tuple[str, np.ndarray]], columns: int = 6) -> Figure:
    """Draws pictures in rows, from the left and from the top.

    Args:
        pictures: At least one (caption, uint8 [height, width, 3], RGB); pictures may differ in
            size. Captions are drawn as they are, whatever characters they hold.
        columns: Pictures in a row, 1 or more.

    Returns:
        A figure that is as wide as its columns and grows with the number of rows.

    Raises:
        ValueError: There is no picture, or no column.
    """
    if not pictures or columns < 1:
        raise ValueError(
            f"a contact sheet needs at least one picture and one column. Received: "
            f"{len(pictures)} pictures, {columns} columns"
        )
    rows = -(-len(pictures) // columns)
    # No taller than the pictures need, and a strip of a picture doesn't stretch the whole sheet.
    tallest = min(max(image.shape[0] / image.shape[1] for _, image in pictures), 1.5)
    height = (INCHES * tallest + 0.4) * rows
    figure = Figure(figsize=(INCHES * columns, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (caption, picture) in zip(panels, pictures, strict=False):
        axes.imshow(picture)
        axes.set_title(caption, fontsize=9, parse_math=False)
    return figure
