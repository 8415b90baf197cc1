"""The pictures behind each cell of a confusion matrix."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from trash_keras.evaluation import html
from trash_keras.evaluation.predictions import Predictions

# A larger matrix is no picture any more: its most frequent confusions are listed instead.
MATRIX_CLASSES = 25
CONFUSIONS_LISTED = 60
PICTURES_OF_A_CELL = 12
PICTURES_OF_A_PAGE = 360
# Encoded pictures may be large: not all of them are held in memory.
READ_AT_ONCE = 100


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


class Thumbnails:
    """Small pictures as data URIs, as long as they fit into a page.

    Args:
        read_pictures: Files -> their encoded bytes; those it does not know are missing.
        budget: Bytes that all uses together may take; a picture shown twice counts twice.
    """

    def __init__(
        self, read_pictures: Callable[[list[str]], Mapping[str, bytes]], budget: int
    ) -> None:
        self._read_pictures = read_pictures
        self._made: dict[str, str | None] = {}
        self._left = budget

    def make(self, files: Sequence[str]) -> None:
        """Reads and shrinks pictures."""
        new = [file for file in dict.fromkeys(files) if file not in self._made]
        for start in range(0, len(new), READ_AT_ONCE):
            part = new[start : start + READ_AT_ONCE]
            pictures = self._read_pictures(part)
            self._made |= {file: html.thumbnail(pictures.get(file, b"")) for file in part}

    def use(self, file: str) -> tuple[bool, str | None]:
        """Returns whether there is room for a picture, and its data URI, None if not readable."""
        found = self._made[file]
        size = len(found or "")
        if size > self._left:
            return False, None
        self._left -= size
        return True, found
