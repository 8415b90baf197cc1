import itertools

import numpy as np
import pytest

from trash_keras.reporting import confusion_cells

NAMES = ["a", "b", "c"]


def shown_files(cell, found):
    return [found.paths[index] for index in cell.shown]


def test_cells_are_those_of_the_matrix_that_hold_images(predicted):
    matrix = [[5, 1, 0], [0, 0, 3], [2, 0, 2]]
    cells = confusion_cells.cells(predicted(NAMES, matrix))
    assert [(c.truth, c.prediction, c.count) for c in cells] == [
        (0, 0, 5), (0, 1, 1), (1, 2, 3), (2, 0, 2), (2, 2, 2)
    ]  # fmt: skip
    assert [c.share for c in cells] == pytest.approx([5 / 6, 1 / 6, 1, 0.5, 0.5])


def test_wrong_predictions_come_by_falling_and_right_ones_by_rising_confidence(predicted):
    found = predicted(["a", "b"], [[20, 15], [0, 1]])
    right, wrong, _ = confusion_cells.cells(found)
    assert shown_files(wrong, found) == [f"a/a-b-{number:02}.jpg" for number in range(12)]
    assert shown_files(right, found) == [f"a/a-a-{number:02}.jpg" for number in range(19, 7, -1)]


def test_too_many_images_leave_each_cell_its_first(predicted, monkeypatch):
    monkeypatch.setattr(confusion_cells, "IMAGES_OF_A_PAGE", 8)
    found = predicted(NAMES, [[9, 2, 1], [0, 9, 0], [0, 0, 9]])
    shown = {(c.truth, c.prediction): len(c.shown) for c in confusion_cells.cells(found)}
    # First turn: one of each; second turn: the wrong prediction first, then two of the right ones.
    assert shown == {(0, 1): 2, (0, 2): 1, (0, 0): 2, (1, 1): 2, (2, 2): 1}
    right = confusion_cells.cells(found)[0]
    assert shown_files(right, found) == ["a/a-a-08.jpg", "a/a-a-07.jpg"]


def test_of_many_classes_only_the_most_frequent_confusions_count(predicted):
    size = confusion_cells.MATRIX_CLASSES + 1
    matrix = np.eye(size, dtype=int) * 3
    matrix[4, :10] = range(10)
    matrix[7, 2] = 30
    cells = confusion_cells.cells(predicted([f"class{i}" for i in range(size)], matrix))
    assert (cells[0].truth, cells[0].prediction, cells[0].count) == (7, 2, 30)
    assert [cell.count for cell in cells[1:]] == [9, 8, 7, 6, 5, 3, 2, 1]
    matrix += 1
    cells = confusion_cells.cells(predicted([f"class{i}" for i in range(size)], matrix))
    assert len(cells) == confusion_cells.CONFUSIONS_LISTED
    assert sum(len(cell.shown) for cell in cells) <= confusion_cells.IMAGES_OF_A_PAGE


def test_turns_take_wrong_predictions_first():
    wanted = {(0, 0): [1, 2], (0, 1): [3], (1, 1): [4], (1, 0): [5, 6]}
    assert confusion_cells.round_robin(wanted) == [3, 5, 1, 4, 6, 2]
    assert sorted(confusion_cells.round_robin(wanted)) == sorted(itertools.chain(*wanted.values()))
