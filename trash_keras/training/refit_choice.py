"""How much of the old task a refitted head keeps: a choice made on held-out images of both places.

The place that is adapted to is seen through cross-validation, home through the validation images
that the run kept.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax, softmax

from trash_keras.calibration.temperature import fit_temperature
from trash_keras.training import head_refit
from trash_keras.training.calibrate import HeldOut
from trash_keras.training.head_refit import Examples, Head, Prior
from trash_keras.training.kept_features import KeptFeatures

# Weights of the old task. Between the largest, which hardly changes the head, and the smallest,
# which hardly minds the old task, each is about a third of the one before.
STRENGTHS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)


@dataclasses.dataclass(frozen=True, eq=False)
class Refit:
    """A refitted head, and how it was found.

    Attributes:
        head: Fitted to all new images.
        held_out: New images, each with the logits of a head that was fitted to others.
        others: Images of none of the classes, likewise; their labels are `head_refit.NO_CLASS`.
        strength: Chosen weight of the old task.
        folds: Of the cross-validation.
    """

    head: Head
    held_out: HeldOut
    others: HeldOut
    strength: float
    folds: int


def refit(
    prior: Prior,
    kept: KeptFeatures,
    images: Examples,
    max_home_loss: float,
    seed: int = 0,
) -> Refit:
    """Fits a head to new images.

    Of the strengths whose loss on the validation images of home is within one standard error of
    `max_home_loss`, or below it, the one with the least cross-entropy on held-out images of the new
    place is taken, at its best temperature; if all lose more, the one that loses least. Without the
    standard error (Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3), two
    images of a few hundred would decide. The same held-out images give the accuracy that is
    reported, which one choice of eight flatters a little.

    Args:
        prior: Of the old head, with the classes of `kept`.
        kept: Features of the old images.
        images: Of the new place, three or more of each class, and three or none of no class.
        max_home_loss: Largest loss of accuracy at home, share.
        seed: Decides the folds.
    """
    labels, known = images.labels, images.labels != head_refit.NO_CLASS
    heads = prior.fit(images, STRENGTHS)
    logits = prior.cross_validate(images, STRENGTHS, seed)
    home = np.array([_right(found, kept) for found in heads])
    losses = [loss(found[known], labels[known]) for found in logits]
    chosen = choose(losses, _right(prior.head, kept) - home, max_home_loss)
    held_out, others = (
        HeldOut(labels[rows], logits[chosen][rows], images.features[rows])
        for rows in (known, ~known)
    )
    folds = len(head_refit.folds(labels, seed))
    return Refit(heads[chosen], held_out, others, STRENGTHS[chosen], folds)


def choose(losses: Sequence[float], lost: np.ndarray, most: float) -> int:
    """Returns the best in the new place of those that lose no more than `most` at home.

    Args:
        losses: For each strength, in the new place.
        lost: float [strengths, M], 1 for an image of home that was right only before, -1 for one
            that is right only now.
        most: Largest mean of these, but for one standard error of it.
    """
    allowed = keeps_home(lost, most)
    return int(np.argmin(np.where(allowed, losses, np.inf) if allowed.any() else lost.mean(axis=1)))


def keeps_home(lost: np.ndarray, most: float) -> np.ndarray:
    """Tells whether no more than `most` is lost, but for a standard error: `choose`, bool [...].

    Args:
        lost: float [..., M].
        most: Largest mean.
    """
    error = lost.std(axis=-1) / np.sqrt(lost.shape[-1])
    return lost.mean(axis=-1) - error <= most + 1e-9


def _right(head: Head, kept: KeptFeatures) -> np.ndarray:
    """Returns for each validation image of home whether a head is right: float [M], 1 or 0."""
    return (head.logits(kept.valid).argmax(axis=1) == kept.valid_labels).astype(float)


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the cross-entropy at the best temperature; every class counts alike."""
    temperature = fit_temperature(labels, softmax(logits, axis=1))
    shares = log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels]
    return -float(head_refit.balanced(labels) @ shares)
