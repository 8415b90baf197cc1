"""How well scores tell images of anything else from those that a model is for.

Every score is made so that more of it means a more familiar image, and the same two figures are
taken of each. AUROC: the probability that a scored image has more than another one, ties counted
as half. FPR at 95% TPR: the share of other images that pass the highest threshold which at least
95% of the scored images pass, so less is better.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from trash_keras.metadata import is_unsure

NEIGHBOURS = 10
BINS = 25
SCORES = {
    "confidence": "Confidence: largest probability of the prediction",
    "maximum_probability": "Maximum probability without damping (Hendrycks & Gimpel, 2017)",
    "energy": "Energy: log-sum-exp of the logits (Liu et al., 2020)",
    "novelty": "SubspaceDetector: share of the features outside the training subspace",
    "nearest_neighbours": "Nearest neighbours: cosine to neighbour {neighbours} among the "
    "training images (Sun et al., 2022)",
    "mahalanobis": "Mahalanobis distance to the nearest class (Lee et al., 2018)",
}


def feature_scores(
    features: np.ndarray,
    head: tuple[np.ndarray, np.ndarray],
    temperature: float,
    novelty: np.ndarray | None = None,
    train: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Scores images by their features.

    `maximum_probability`: Hendrycks & Gimpel, "A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples in Neural Networks", ICLR 2017. `energy`: Liu, Wang, Owens & Li,
    "Energy-based Out-of-distribution Detection", NeurIPS 2020, at its temperature 1.
    `nearest_neighbours`: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest
    Neighbors", ICML 2022. `mahalanobis`: see `_mahalanobis`.

    Args:
        features: float [N, channels], pooled.
        head: float [channels, classes] and [classes], weights from features to logits.
        temperature: Of the metadata, above 0; divides the logits for `maximum_probability` alone.
        novelty: float [N], share of the features outside the training subspace, 0 to 1; turned
            into the score `novelty` by its sign. None leaves it out.
        train: float [M, channels], features of training images, and int [M], their classes;
            None leaves `nearest_neighbours` and `mahalanobis` out.

    Returns:
        Score name -> float [N], more for what is more familiar.
    """
    features = np.asarray(features, np.float64)
    logits = features @ head[0] + head[1]
    found = {
        "maximum_probability": softmax(logits / temperature, axis=1).max(axis=1),
        "energy": logsumexp(logits, axis=1),
    }
    if novelty is not None:
        found["novelty"] = -novelty
    if train:
        familiar, labels = np.asarray(train[0], np.float64), train[1]
        found["nearest_neighbours"] = _nearest_neighbours(features, familiar)
        found["mahalanobis"] = _mahalanobis(features, familiar, labels)
    return found


def _nearest_neighbours(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    count = min(NEIGHBOURS, len(train))
    index = NearestNeighbors(n_neighbors=count, metric="cosine").fit(train)
    return 1 - index.kneighbors(features)[0][:, -1]


def _mahalanobis(features: np.ndarray, train: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns minus the squared distance to the mean of the nearest class.

    Lee, Lee, Lee & Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", NeurIPS 2018, section 2.1: one covariance for all classes. It is shrunk
    as by Ledoit & Wolf, 2004, since there may be more channels than images. The relative form of
    Ren et al., 2021, subtracts the distance to all of training by a covariance of its own: shrunk
    less than the first, that distance grew the faster outside the training subspace, and on
    TrashNet the score was the wrong way round.
    """
    classes, places = np.unique(labels, return_inverse=True)
    means = np.stack([train[places == place].mean(axis=0) for place in range(len(classes))])
    within = LedoitWolf(assume_centered=True).fit(train - means[places])
    return -np.stack([within.mahalanobis(features - mean) for mean in means]).min(axis=0)


def compare(
    scored: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
    *,
    threshold: float,
    limit: float | None = None,
) -> dict[str, Any]:
    """Takes the figures of each score.

    Args:
        scored: Score name -> float [N], of the scored split; `confidence` at least.
        others: The same names -> float [M], of images of anything else.
        threshold: Confidence up to which a prediction is `unsure`.
        limit: SubspaceDetector up to which an image is familiar, where `novelty` is among the scores.

    Returns:
        `pictures` (M), `unsure` (share of them), `scores` (name -> `auroc` and `fpr_at_95_tpr`),
        and `histograms` of confidence and novelty (name -> `edges`, the shares in each bin of
        `scored` and of `others`, and the `threshold`).
    """
    confidence = others["confidence"]
    marked = {"confidence": threshold, "novelty": limit}
    return {
        "pictures": len(confidence),
        "unsure": float(is_unsure(confidence, threshold).mean()),
        "scores": {name: separability(scored[name], others[name]) for name in scored},
        "histograms": {
            name: _histogram(np.abs(scored[name]), np.abs(others[name]), mark)
            for name, mark in marked.items()
            if name in scored
        },
    }


def separability(scored: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Returns `auroc` and `fpr_at_95_tpr` of one score, both 0 to 1; see the module.

    Args:
        scored: float [N], of the scored split.
        others: float [M], of images of anything else.
    """
    truth = np.repeat([1, 0], [len(scored), len(others)])
    passing = -(-95 * len(scored) // 100)  # at least 95%, rounded up in whole numbers
    threshold = np.sort(scored)[-passing]
    return {
        "auroc": float(roc_auc_score(truth, np.concatenate([scored, others]))),
        "fpr_at_95_tpr": float((others >= threshold).mean()),
    }


def _histogram(scored: np.ndarray, others: np.ndarray, mark: float | None) -> dict[str, Any]:
    """Bins values of 0 to 1 up to the largest tenth that occurs."""
    last = math.ceil(10 * max(scored.max(), others.max(), 0.1) - 1e-6) / 10
    edges = np.linspace(0, last, BINS + 1)
    shares = {
        name: (np.histogram(np.minimum(values, last), edges)[0] / len(values)).round(5).tolist()
        for name, values in (("scored", scored), ("others", others))
    }
    return {"edges": edges.round(5).tolist(), **shares, "threshold": mark}


def summary(found: Mapping[str, Any]) -> str:
    """Returns one line for a person: how many others are `unsure`, and the AUROC of confidence."""
    return (
        f"out of scope: {found['unsure']:.1%} of {found['pictures']} other images unsure, "
        f"AUROC of confidence {found['scores']['confidence']['auroc']:.4f}, "
        f"{found['unreadable']} unreadable"
    )


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """Returns what was measured, in words.

    Args:
        found: From `compare`, with `unreadable`.
    """
    left_out = f" {found['unreadable']} more could not be read." if found["unreadable"] else ""
    return [
        f"Of {found['pictures']} images of anything else the model is unsure of "
        f"{found['unsure']:.1%}; the others get the name of a class.{left_out}",
        "AUROC is the probability that an image of the split has a more familiar score than one "
        "of the others: 0.5 is chance, 1 is perfect. Accepted of the others: their share above "
        "the threshold that accepts 95% of the split.",
    ]


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Returns a table of the scores, its head first.

    Args:
        found: As for `paragraphs`.
    """
    return [["Score", "AUROC", "Accepted of the others"]] + [
        [
            SCORES[name].format(neighbours=found.get("neighbours")),
            f"{row['auroc']:.3f}",
            f"{row['fpr_at_95_tpr']:.1%}",
        ]
        for name, row in found["scores"].items()
    ]
