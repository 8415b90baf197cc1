"""Refits the head of a classifier to a few images of a new place, and keeps the old task.

What the old images know of the head is kept as a quadratic cost of changing their logits: the
Laplace approximation of the old task is the prior of the new one (MacKay, "A Practical Bayesian
Framework for Backpropagation Networks", 1992; for sequences of tasks: Kirkpatrick et al.,
"Overcoming catastrophic forgetting in neural networks", PNAS 2017). Here all old images count
alike, instead of by their Fisher information, so the cost is the mean squared change of a logit.
By the representer theorem the change is a sum over the new images, so a fit takes milliseconds.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedKFold

# Cost of a change in directions that old images do not fill; features have variance 1. Few images
# of home tell little of where others of it lie, so a small one forgets more for the same gain.
RIDGE = 3.0
FOLDS = 5
NO_CLASS = -1  # label of images of none of the classes
# Of all images of no class together, where those of the classes have 1; where there are fewer of
# them, each has half the weight of an image of the classes, as in training.
OTHER_WEIGHT = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """The linear head of a classifier.

    Attributes:
        kernel: float [channels, classes].
        bias: float [classes].
    """

    kernel: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns float [N, classes] for features [N, channels]."""
        return features @ self.kernel + self.bias

    def with_classes(self, positions: Sequence[int | None], features: np.ndarray) -> Self:
        """Returns a head of more classes.

        A new class gets the logit that old images have on average for a class that is not theirs,
        whatever the image, until it is fitted.

        Args:
            positions: For each class its place in this head; None for a new one.
            features: float [N, channels] of old images.
        """
        logits = self.logits(features)
        largest = logits.max(axis=1).sum()
        others = (logits.sum() - largest) / max(1, logits.size - len(logits))
        kernel = np.zeros((len(self.kernel), len(positions)), self.kernel.dtype)
        bias = np.full(len(positions), others, self.bias.dtype)
        for column, position in enumerate(positions):
            if position is not None:
                kernel[:, column], bias[column] = self.kernel[:, position], self.bias[position]
        return type(self)(kernel, bias)


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images of the new place to fit a head to.

    Attributes:
        features: float [N, channels].
        labels: int [N]; `NO_CLASS` for an image of none of the classes.
        weights: float [N], in the loss; only their ratios count.
    """

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray) -> Self:
        """Returns images of which every class counts alike."""
        return cls(features, labels, balanced(labels))

    def with_others(self, features: np.ndarray) -> Self:
        """Returns these images and some of none of the classes (outlier exposure).

        Args:
            features: float [M, channels].
        """
        weight = OTHER_WEIGHT * self.weights.sum() / max(len(features), len(self.labels), 1)
        return type(self)(
            np.concatenate([self.features, features]),
            np.concatenate([self.labels, np.full(len(features), NO_CLASS)]),
            np.concatenate([self.weights, np.full(len(features), weight)]),
        )

    def only(self, rows: np.ndarray) -> Self:
        """Returns some of them: int [K], or bool [N]."""
        return type(self)(self.features[rows], self.labels[rows], self.weights[rows])

    def targets(self, classes: int) -> np.ndarray:
        """Returns float [N, classes], what the loss holds the probabilities to, times the weight.

        The loss of an image of no class is the cross-entropy to the uniform distribution
        (Hendrycks, Mazeika & Dietterich, ICLR 2019). The weights of all sum to 1.
        """
        known = self.labels != NO_CLASS
        shares = np.where(known[:, None], np.eye(classes)[self.labels], 1 / classes)
        return shares * (self.weights / self.weights.sum())[:, None]


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """A head, and what changing it costs.

    Attributes:
        head: Where a fit starts from.
        mean: float [channels], of the old features.
        scale: Their standard deviation, over all channels.
        factor: Of the cost, a Cholesky factor [channels + 1, channels + 1] as SciPy has it.
    """

    head: Head
    mean: np.ndarray
    scale: float
    factor: tuple[np.ndarray, bool]

    @classmethod
    def of(cls, head: Head, features: np.ndarray, labels: np.ndarray) -> Self:
        """Computes the cost from old images; every class counts alike.

        Args:
            head: For the classes of old and new images.
            features: float [N, channels] of old images.
            labels: int [N], of their classes.
        """
        mean = features.mean(axis=0)
        scale = float(np.sqrt(np.mean(np.square(features - mean)))) or 1.0
        inputs = _inputs(features, mean, scale)
        moments = (inputs * balanced(labels)[:, None]).T @ inputs
        moments[np.diag_indices_from(moments)] += RIDGE
        return cls(head, mean, scale, cho_factor(moments, overwrite_a=True))

    def fit(self, images: Examples, strengths: Sequence[float]) -> list[Head]:
        """Fits heads to new images: least cross-entropy and cost of the change.

        Args:
            images: Of the new place.
            strengths: Weights of the cost, above 0; falling ones are fitted fastest.

        Returns:
            For each strength a head.
        """
        inputs = _inputs(images.features, self.mean, self.scale)
        reach = cho_solve(self.factor, inputs.T)  # [channels + 1, N]
        shares, directions = eigh(inputs @ reach)
        roots = np.sqrt(np.maximum(shares, 1e-9 * shares[-1]))
        start = self.head.logits(images.features)
        truth = images.targets(start.shape[1])
        heads, change = [], np.zeros(start.shape)
        for strength in strengths:
            change = _descend(directions * roots, start, truth, strength, change)
            moved = reach @ (directions @ (change / roots[:, None]))
            kernel = moved[:-1] / self.scale
            bias = self.head.bias + moved[-1] - self.mean @ kernel
            heads.append(Head(self.head.kernel + kernel, bias))
        return heads

    def cross_validate(
        self, images: Examples, strengths: Sequence[float], seed: int = 0
    ) -> np.ndarray:
        """Returns logits of new images from heads that were fitted to the others.

        Args:
            images: Of the new place.
            strengths: As for `fit`.
            seed: Decides the folds.

        Returns:
            float [strengths, N, classes].
        """
        found = np.empty((len(strengths), len(images.labels), len(self.head.bias)))
        for kept, held_out in folds(images.labels, seed):
            heads = self.fit(images.only(kept), strengths)
            found[:, held_out] = [head.logits(images.features[held_out]) for head in heads]
        return found


def folds(labels: np.ndarray, seed: int, most: int = FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (rows to fit, rows held out) of so many folds, or of as many as a class has images.

    Stratified by class, so that a class is never held out as a whole.
    """
    fewest = np.unique(labels, return_counts=True)[1].min()
    splitter = StratifiedKFold(min(most, fewest), shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels))


def balanced(labels: np.ndarray) -> np.ndarray:
    """Returns a weight for each image, float [N], sum 1: every class that has images counts alike.

    This is the `balanced` rule of scikit-learn (King & Zeng, 2001).
    """
    _, position, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 1 / (len(counts) * counts[position])


def _inputs(features: np.ndarray, mean: np.ndarray, scale: float) -> np.ndarray:
    """Returns float64 [N, channels + 1]: standardized features, and a one for the bias."""
    standardized = (features.astype(np.float64) - mean) / scale
    return np.concatenate([standardized, np.ones((len(features), 1))], axis=1)


def _descend(
    basis: np.ndarray, start: np.ndarray, truth: np.ndarray, strength: float, change: np.ndarray
) -> np.ndarray:
    """Minimizes cross-entropy + strength / 2 * |change|^2, where logits are start + basis @ change.

    Args:
        basis: float [N, N].
        start: float [N, classes], logits without a change.
        truth: float [N, classes], from `Examples.targets`.
        strength: Above 0.
        change: float [N, classes], where to begin.

    Returns:
        float [N, classes].
    """
    weights = truth.sum(axis=1, keepdims=True)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        current = flat.reshape(start.shape)
        shares = log_softmax(start + basis @ current, axis=1)
        loss = strength / 2 * np.sum(np.square(current)) - np.sum(truth * shares)
        slope = basis.T @ (weights * np.exp(shares) - truth) + strength * current
        return float(loss), slope.ravel()

    found = minimize(objective, change.ravel(), jac=True, method="L-BFGS-B")
    return found.x.reshape(start.shape)
