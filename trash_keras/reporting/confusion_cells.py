"""The images behind each cell of a confusion matrix."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.metrics.predictions import Predictions

CONFUSIONS_LISTED = 60
IMAGES_OF_A_CELL = 12
IMAGES_OF_A_PAGE = 360


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell with at least one image.

    Attributes:
        truth: Index of the true class.
        prediction: Index of the prediction.
        count: Images in it.
        share: Of the images of the true class, 0 to 1.
        shown: Indices of the images to show: of wrong predictions the most confident, of right ones
            the least confident.
    """

    truth: int
    prediction: int
    count: int
    share: float
    shown: tuple[int, ...]


def cells(predictions: Predictions) -> list[Cell]:
    """Returns the cells with images, row by row, and which images to show.

    At most `IMAGES_OF_A_CELL` of a cell and `IMAGES_OF_A_PAGE` of all. If these are too many,
    every cell keeps its first ones, wrong predictions before right ones. Of more than
    `MATRIX_CLASSES` classes only the `CONFUSIONS_LISTED` largest cells of wrong predictions count,
    the largest first.

    Args:
        predictions: What the model predicted for each image.
    """
    labels, rows = predictions.labels, predictions.probabilities.argmax(axis=1)
    confidence = predictions.probabilities.max(axis=1)
    members: dict[tuple[int, int], list[int]] = {}
    for index in np.argsort(-confidence, kind="stable"):
        members.setdefault((int(labels[index]), int(rows[index])), []).append(int(index))
    places = sorted(members)
    if len(predictions.class_names) > MATRIX_CLASSES:
        wrong = [place for place in places if place[0] != place[1]]
        places = sorted(wrong, key=lambda place: -len(members[place]))[:CONFUSIONS_LISTED]
    wanted = {
        place: (found[::-1] if place[0] == place[1] else found)[:IMAGES_OF_A_CELL]
        for place, found in ((place, members[place]) for place in places)
    }
    shown = set(round_robin(wanted)[:IMAGES_OF_A_PAGE])
    totals = np.bincount(labels, minlength=len(predictions.class_names))
    return [
        Cell(
            *place,
            count=len(members[place]),
            share=len(members[place]) / int(totals[place[0]]),
            shown=tuple(index for index in wanted[place] if index in shown),
        )
        for place in places
    ]


def grid(
    matrix: Sequence[Sequence[int]], class_names: Sequence[str]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Returns the cells of a confusion matrix for `matrix.html.j2`, those with images alone.

    Args:
        matrix: Numbers of images; rows are the true classes, columns the predictions.
        class_names: Names of both.

    Returns:
        (row, column) -> these, the class names `truth` and `prediction`, the `count` of images and
        their `share` of the true class, 0 to 1.
    """
    return {
        (row, column): {
            "row": row,
            "column": column,
            "truth": class_names[row],
            "prediction": class_names[column],
            "count": count,
            "share": count / sum(counts),
        }
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count
    }


def round_robin(wanted: Mapping[tuple[int, int], Sequence[int]]) -> list[int]:
    """Returns the images of all cells: the first of each, then the second of each, and so on.

    In each turn cells of wrong predictions come before those of right ones.
    """
    order = sorted(wanted, key=lambda place: (place[0] == place[1], place))
    turns = itertools.zip_longest(*(wanted[place] for place in order))
    return [index for turn in turns for index in turn if index is not None]
