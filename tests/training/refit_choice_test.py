"""How much of the old task a refitted head keeps."""

import numpy as np
import pytest

from trash_keras.training.head_refit import Examples, Head, Prior
from trash_keras.training.kept_features import KeptFeatures
from trash_keras.training.refit_choice import STRENGTHS, choose, refit

LOST = np.zeros((3, 200))  # of three strengths, on 200 images of home
LOST[1, :2] = 1  # 1% lost, of a standard error of 0.7%
LOST[2, :8] = 1  # 4% lost, of a standard error of 1.4%


@pytest.mark.parametrize(
    ("most", "losses", "expected"),
    [
        (0.005, [3, 2, 1], 1),
        (0.0, [3, 2, 1], 0),
        (0.03, [3, 2, 1], 2),
        (0.005, [1, 2, 3], 0),
    ],
)
def test_a_loss_within_one_standard_error_of_the_largest_is_allowed(most, losses, expected):
    assert choose(losses, LOST, most) == expected


def test_where_all_lose_more_the_one_that_loses_least_is_taken():
    assert choose([3, 2, 1], LOST[::-1][:2], 0.0) == 1


def test_gains_and_losses_at_home_cancel():
    lost = LOST[2:].copy()
    lost[0, -8:] = -1
    assert choose([2, 1], np.concatenate([LOST[:1], lost]), 0.0) == 1


def conflict():
    """A place where what home calls the first class is the second."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    features = generator.normal(0, 0.5, (100, 4)) + 2 * np.eye(2, 4)[labels]
    head = Head(4 * np.eye(4, 2), np.zeros(2))
    kept = KeptFeatures(("a", "b"), features, labels, features, labels)
    return Prior.of(head, features, labels), kept, features[::5], 1 - labels[::5]


def test_the_limit_decides_where_both_places_cannot_be_had():
    prior, kept, features, labels = conflict()

    def at_home(most):
        found = refit(prior, kept, Examples.of(features, labels), most)
        return (found.head.logits(kept.valid).argmax(axis=1) == kept.valid_labels).mean(), found

    (faithful, _), (free, loosest) = at_home(0.005), at_home(1.0)
    assert faithful > 0.97 and free < 0.5
    assert loosest.strength == STRENGTHS[-1]
    assert (loosest.held_out.logits.argmax(axis=1) == labels).mean() > 0.9
