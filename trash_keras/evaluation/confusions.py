"""The pictures behind each cell of a confusion matrix."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from trash_keras.evaluation.predictions import Predictions

# A larger matrix is no picture any more: its most frequent confusions are listed instead.
MATRIX_CLASSES = 25
CONFUSIONS_LISTED = 60
PICTURES_OF_A_CELL = 12
PICTURES_OF_A_PAGE = 360


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell with at least one picture.

    Attributes:
        truth: Index of the true class.
        prediction: Index of the answer.
        count: Pictures in it.
        share: Of the pictures of the true class, 0 to 1.
        shown: Indices of the pictures to show: of wrong answers the most confident, of right ones
            the least confident.
    """

    truth: int
    prediction: int
    count: int
    share: float
    shown: tuple[int, ...]


def cells(predictions: Predictions) -> list[Cell]:
    """Returns the cells with pictures, row by row, and says which pictures to show.

    At most `PICTURES_OF_A_CELL` of a cell and `PICTURES_OF_A_PAGE` of all; when they are too many,
    every cell keeps its first ones, wrong answers before right ones. Of more than
    `MATRIX_CLASSES` classes only the `CONFUSIONS_LISTED` largest cells of wrong answers count,
    the largest first.

    Args:
        predictions: What the model answered for each picture.
    """
    labels, answers = predictions.labels, predictions.probabilities.argmax(axis=1)
    confidence = predictions.probabilities.max(axis=1)
    members: dict[tuple[int, int], list[int]] = {}
    for index in np.argsort(-confidence, kind="stable"):
        members.setdefault((int(labels[index]), int(answers[index])), []).append(int(index))
    places = sorted(members)
    if len(predictions.class_names) > MATRIX_CLASSES:
        wrong = [place for place in places if place[0] != place[1]]
        places = sorted(wrong, key=lambda place: -len(members[place]))[:CONFUSIONS_LISTED]
    wanted = {
        place: (found[::-1] if place[0] == place[1] else found)[:PICTURES_OF_A_CELL]
        for place, found in ((place, members[place]) for place in places)
    }
    shown = set(in_turns(wanted)[:PICTURES_OF_A_PAGE])
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


def in_turns(wanted: Mapping[tuple[int, int], Sequence[int]]) -> list[int]:
    """Returns the pictures of all cells: the first of each, then the second of each, and so on.

    In each turn cells of wrong answers come before those of right ones.
    """
    order = sorted(wanted, key=lambda place: (place[0] == place[1], place))
    turns = itertools.zip_longest(*(wanted[place] for place in order))
    return [index for turn in turns for index in turn if index is not None]
