"""The order of images: unsure ones before sure ones, other ones before more of the same."""

import numpy as np
import pytest

from trash_keras.review import selection

SURE, UNSURE, DOUBTFUL = [0.98, 0.02], [0.5, 0.5], [0.6, 0.4]


def test_uncertain_images_come_first():
    rows = np.array([SURE, DOUBTFUL, UNSURE])
    assert selection.order(rows).tolist()[0] == 2
    assert selection.order(rows).tolist()[-1] == 0


def test_more_of_the_same_comes_after_another_kind():
    rows = np.array([UNSURE, UNSURE, DOUBTFUL])
    features = np.array([[1, 0], [1, 0.01], [0, 1]])
    assert selection.order(rows, features).tolist() == [1, 2, 0]


def test_what_is_named_already_is_not_asked_again_nor_is_its_like():
    rows = np.array([UNSURE, UNSURE, DOUBTFUL])
    features = np.array([[1, 0], [1, 0.01], [0, 1]])
    named = np.array([True, False, False])
    assert selection.order(rows, features, named).tolist() == [2, 1]
    assert selection.order(rows, features, np.array([True] * 3)).tolist() == []


def test_it_is_the_traversal_of_written_out_gradient_embeddings():
    generator = np.random.default_rng(0)
    rows, features = generator.dirichlet([1, 1, 1], 40), generator.normal(size=(40, 5))
    errors = rows - np.eye(3)[rows.argmax(1)]
    embeddings = (errors[:, :, None] * features[:, None]).reshape(40, -1)
    nearest, expected = (embeddings**2).sum(1), []
    for _ in range(40):
        expected.append(int(nearest.argmax()))
        distances = ((embeddings - embeddings[expected[-1]]) ** 2).sum(1)
        nearest = np.minimum(nearest, distances)
        nearest[expected] = -1
    assert selection.order(rows, features).tolist() == expected


def test_of_many_images_the_rest_is_ordered_by_uncertainty(monkeypatch):
    monkeypatch.setattr(selection, "DIVERSE", 2)
    first = np.linspace(0.5, 0.9, 6)
    found = selection.order(np.stack([first, 1 - first], axis=1))
    assert sorted(found) == list(range(6)) and sorted(found[2:]) == found[2:].tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_few_images_are_no_trouble(count):
    assert selection.order(np.full((count, 2), 0.5)).tolist() == list(range(count))
