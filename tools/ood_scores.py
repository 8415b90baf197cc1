"""Scores of out-of-distribution (OOD) detection in the literature, for `tools.ood_comparison`.

Each is a function of pooled features, fitted to training images alone, and higher for more
in-distribution images. The settings are those of the papers or of OpenOOD v1.5 (Zhang et al., 2023)
and were not tuned on OOD images. AdaSCALE (Regmi, 2025) is left out: it needs a second pass over a
perturbed image, which doubles the time of a prediction.
"""

import dataclasses
import functools

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression

from trash_keras.calibration import ood
from trash_keras.calibration.ood import SubspaceDetector, unit_length

KEPT = 0.1  # share of the features, the largest, that ASH keeps and SCALE measures
NEIGHBOURS = 10
TITLES = {
    "confidence": "largest probability with OOD scaling, as shipped",
    "maximum_probability": "largest probability (Hendrycks & Gimpel, 2017)",
    "maximum_logit": "largest logit (Hendrycks et al., 2022)",
    "energy": "energy (Liu et al., 2020)",
    "ash": "ASH-S (Djurisic et al., 2023)",
    "scale": "SCALE (Xu et al., 2024)",
    "fdbd": "fDBD (Liu & Qin, 2024)",
    "nnguide": "NNGuide (Park et al., 2023)",
    "vim": "ViM (Wang et al., 2022)",
    "nearest_neighbours": "cosine to neighbour 10 (Sun et al., 2022)",
    "mahalanobis": "Mahalanobis (Lee et al., 2018)",
    "mahalanobis_unit": "Mahalanobis++ (Mueller & Hein, 2025)",
    "residual": "residual of features of length 1, the one in OOD scaling",
}


@dataclasses.dataclass(frozen=True)
class Head:
    """A linear head on features, and what else is fitted for a set of classes.

    Attributes:
        train: float [N, channels], features of training images.
        labels: int [N], their classes.
        kernel: float [channels, classes].
        bias: float [classes].
        detector: Fitted to training and validation images.
        temperature: Divides the logits.
    """

    train: np.ndarray
    labels: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    detector: SubspaceDetector
    temperature: float = 1.0

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns float [N, classes]."""
        return features @ self.kernel + self.bias

    def confidence(self, features: np.ndarray) -> np.ndarray:
        """Returns the largest probability, as the inference model has it, float [N]."""
        scaled = self.logits(features) * self.detector.scaling(features)[:, None]
        return softmax(scaled / self.temperature, axis=1).max(axis=1)

    # Fitted once, since each takes a second.
    @functools.cached_property
    def gaussians(self) -> "Gaussians":
        """Of the training features."""
        return Gaussians.fit(self.train, self.labels)

    @functools.cached_property
    def unit_gaussians(self) -> "Gaussians":
        """Of the training features of length 1."""
        return Gaussians.fit(unit_length(self.train), self.labels)

    @functools.cached_property
    def virtual_logit(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Of ViM: origin [channels], the null space [channels, dimensions], and alpha."""
        origin = -np.linalg.pinv(self.kernel.T) @ self.bias
        centred = self.train - origin
        directions = np.linalg.eigh(centred.T @ centred)[1]
        null = directions[:, : -min(ood.DIMENSIONS, len(directions) // 2)]
        length = np.linalg.norm(centred @ null, axis=1).mean()
        return origin, null, self.logits(self.train).max(axis=1).mean() / max(length, 1e-9)


@dataclasses.dataclass(frozen=True)
class Gaussians:
    """One normal distribution a class, with one covariance for all.

    Attributes:
        means: float [classes, channels].
        covariance: Of the features less the means of their classes.
    """

    means: np.ndarray
    covariance: LedoitWolf

    @classmethod
    def fit(cls, train: np.ndarray, labels: np.ndarray) -> "Gaussians":
        """Fits it to float [N, channels] and int [N]."""
        means = np.stack([train[labels == label].mean(axis=0) for label in np.unique(labels)])
        return cls(means, LedoitWolf(assume_centered=True).fit(train - means[labels]))

    def score(self, features: np.ndarray) -> np.ndarray:
        """Returns minus the squared distance to the nearest mean, float [N]."""
        found = [self.covariance.mahalanobis(features - mean) for mean in self.means]
        return -np.stack(found).min(axis=0)


def fit_head(
    train: np.ndarray,
    labels: np.ndarray,
    detector: SubspaceDetector,
    others: np.ndarray | None = None,
    other_weight: float = 0.5,
) -> Head:
    """Fits a logistic regression to features, as the head phase does; classes are balanced.

    Args:
        train: float [N, channels].
        labels: int [N], 0 to classes - 1.
        detector: From `calibration.ood.fit`, of the same training images.
        others: float [K, channels], images of none of the classes, for outlier exposure: an image
            of each class, of a share of the weight, is the cross-entropy to the uniform
            distribution.
        other_weight: Of one of them.
    """
    counts = np.bincount(labels)
    rows, targets = train, labels
    weights = (len(labels) / (len(counts) * counts))[labels]
    if others is not None:
        rows = np.concatenate([train, np.repeat(others, len(counts), axis=0)])
        targets = np.concatenate([labels, np.tile(np.arange(len(counts)), len(others))])
        each = np.full(len(others) * len(counts), other_weight / len(counts))
        weights = np.concatenate([weights, each])
    fitted = LogisticRegression(C=0.02, max_iter=100).fit(rows, targets, weights)
    kernel, bias = fitted.coef_.T, fitted.intercept_
    if len(counts) == 2:  # of two classes scikit-learn keeps the difference of their logits
        kernel, bias = kernel * [-0.5, 0.5], bias * np.array([-0.5, 0.5])
    return Head(train, labels, kernel, bias, detector)


def all_scores(head: Head, features: np.ndarray) -> dict[str, np.ndarray]:
    """Scores images by each method of `TITLES`.

    Args:
        head: From `fit_head`, or of a run.
        features: float [N, channels].

    Returns:
        Name -> float [N].
    """
    logits, unit = head.logits(features), unit_length(features)
    near = np.partition(unit @ unit_length(head.train).T, -NEIGHBOURS, axis=1)
    return {
        "confidence": head.confidence(features),
        "maximum_probability": softmax(logits, axis=1).max(axis=1),
        "maximum_logit": logits.max(axis=1),
        "energy": logsumexp(logits, axis=1),
        "ash": logsumexp(head.logits(_shaped(features, prune=True)), axis=1),
        "scale": logsumexp(head.logits(_shaped(features, prune=False)), axis=1),
        "fdbd": _distance_to_boundaries(head, features, logits),
        "nnguide": _guided_energy(head, unit, logits),
        "vim": _virtual_logit(head, features, logits),
        "nearest_neighbours": near[:, -NEIGHBOURS],
        "mahalanobis": head.gaussians.score(features),
        "mahalanobis_unit": head.unit_gaussians.score(unit),
        "residual": -head.detector.residual(features),
    }


def _shaped(features: np.ndarray, prune: bool) -> np.ndarray:
    """Returns features times e^(sum / sum of the largest); ASH-S also sets the others to 0."""
    floor = np.quantile(features, 1 - KEPT, axis=1, keepdims=True)
    largest = np.where(features >= floor, features, 0)
    total = np.maximum(largest.sum(axis=1, keepdims=True), 1e-9)
    return (largest if prune else features) * np.exp(features.sum(axis=1, keepdims=True) / total)


def _distance_to_boundaries(head: Head, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    best = logits.argmax(axis=1)
    apart = np.linalg.norm(head.kernel.T[:, None] - head.kernel.T[None], axis=2)
    gaps = logits.max(axis=1, keepdims=True) - logits
    mean = (gaps / np.where(apart > 0, apart, np.inf)[best]).sum(axis=1) / (len(apart) - 1)
    return mean / np.linalg.norm(features - head.train.mean(axis=0), axis=1)


def _guided_energy(head: Head, unit: np.ndarray, logits: np.ndarray) -> np.ndarray:
    energies = logsumexp(head.logits(head.train), axis=1)
    similar = np.sort(unit @ (unit_length(head.train) * energies[:, None]).T, axis=1)
    return similar[:, -NEIGHBOURS:].mean(axis=1) * logsumexp(logits, axis=1)


def _virtual_logit(head: Head, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    origin, null, alpha = head.virtual_logit
    return logsumexp(logits, axis=1) - alpha * np.linalg.norm((features - origin) @ null, axis=1)
