"""Out-of-distribution (OOD) detection: how well scores tell OOD images from a scored split.

A higher score always means more in-distribution, and two figures are measured for each. AUROC: the
probability that an image of the split has a higher score than an OOD image, where ties count half.
FPR at 95% TPR: the share of OOD images that pass the highest threshold which at least 95% of the
split pass, so less is better.
"""

import math
from collections.abc import Mapping, Sequence
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
    "maximum_probability": "Maximum probability without OOD scaling (Hendrycks & Gimpel, 2017)",
    "energy": "Energy: log-sum-exp of the logits (Liu et al., 2020)",
    "novelty": "Residual: squared length of the features outside the training subspace, after ViM "
    "(Wang et al., 2022)",
    "nearest_neighbours": "Nearest neighbours: cosine to neighbour {neighbours} among the "
    "training images (Sun et al., 2022)",
    "mahalanobis": "Mahalanobis distance to the nearest class (Lee et al., 2018)",
}


def feature_scores(
    features: np.ndarray,
    head: tuple[np.ndarray, np.ndarray],
    temperature: float,
    residual: np.ndarray | None = None,
    train: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Scores images by their features.

    `maximum_probability`: Hendrycks & Gimpel, "A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples in Neural Networks", ICLR 2017. `energy`: Liu, Wang, Owens & Li,
    "Energy-based Out-of-distribution Detection", NeurIPS 2020, at its temperature 1.
    `nearest_neighbours`: Sun, Ming, Zhu & Li, "Out-of-Distribution Detection with Deep Nearest
    Neighbors", ICML 2022. `mahalanobis`: see `_mahalanobis`. `novelty`: `SubspaceDetector`.

    Args:
        features: float [N, channels], pooled.
        head: float [channels, classes] and [classes], weights from features to logits.
        temperature: Of the metadata, above 0; divides the logits for `maximum_probability` alone.
        residual: float [N], from `SubspaceDetector.residual`; with the other sign it is the score
            `novelty`. None leaves it out.
        train: float [M, channels], features of training images, and int [M], their classes;
            None leaves `nearest_neighbours` and `mahalanobis` out.

    Returns:
        Score name -> float [N], higher for more in-distribution images.
    """
    features = np.asarray(features, np.float64)
    logits = features @ head[0] + head[1]
    found = {
        "maximum_probability": softmax(logits / temperature, axis=1).max(axis=1),
        "energy": logsumexp(logits, axis=1),
    }
    if residual is not None:
        found["novelty"] = -residual
    if train:
        train_features, labels = np.asarray(train[0], np.float64), train[1]
        found["nearest_neighbours"] = _nearest_neighbours(features, train_features)
        found["mahalanobis"] = _mahalanobis(features, train_features, labels)
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
    Ren et al., 2021, also subtracts the distance to the mean of all training images, by a
    covariance of its own. That one is shrunk less, so the distance grew faster outside the
    training subspace, and on TrashNet the score was the wrong way round.
    """
    classes, places = np.unique(labels, return_inverse=True)
    means = np.stack([train[places == place].mean(axis=0) for place in range(len(classes))])
    within = LedoitWolf(assume_centered=True).fit(train - means[places])
    return -np.stack([within.mahalanobis(features - mean) for mean in means]).min(axis=0)


def compare(
    scored: Mapping[str, np.ndarray],
    ood: Mapping[str, np.ndarray],
    *,
    threshold: float,
    limit: float | None = None,
) -> dict[str, Any]:
    """Measures how well each score tells OOD images from the scored split.

    Args:
        scored: Score name -> float [N], of the scored split; `confidence` at least.
        ood: The same names -> float [M], of OOD images.
        threshold: Confidence up to which a prediction is `unsure`.
        limit: Residual up to which an image is in-distribution, where `novelty` is a score.

    Returns:
        `pictures` (M), `unsure` (share of them), `scores` (name -> `auroc` and `fpr_at_95_tpr`),
        and `histograms` of confidence and `novelty` (name -> `edges`, the shares in each bin of
        `scored` and of OOD images, `others`, and the `threshold`).
    """
    confidence = ood["confidence"]
    thresholds = {"confidence": threshold, "novelty": limit}
    return {
        "pictures": len(confidence),
        "unsure": float(is_unsure(confidence, threshold).mean()),
        "scores": {name: separability(scored[name], ood[name]) for name in scored},
        "histograms": {
            name: _histogram(np.abs(scored[name]), np.abs(ood[name]), value)
            for name, value in thresholds.items()
            if name in scored
        },
    }


def by_folder(
    scored: Mapping[str, np.ndarray],
    ood: Mapping[str, np.ndarray],
    origins: Sequence[tuple[str, str]],
    threshold: float,
) -> dict[str, Any]:
    """Measures each folder of OOD images apart, such as near-OOD and far-OOD, and each kind in it.

    Args:
        scored: As for `compare`.
        ood: As for `compare`.
        origins: Of the M OOD images: name of the folder and kind.
        threshold: Confidence up to which a prediction is `unsure`.

    Returns:
        Name of the folder -> `pictures`, `unsure` and `scores` as in `compare`, of its images, and
        `kinds`: kind -> the same, empty where a folder has one kind alone.
    """

    def figures(chosen: np.ndarray) -> dict[str, Any]:
        return {
            "pictures": int(chosen.sum()),
            "unsure": float(is_unsure(ood["confidence"][chosen], threshold).mean()),
            "scores": {name: separability(scored[name], ood[name][chosen]) for name in scored},
        }

    folders, kinds = (np.array(names) for names in zip(*origins, strict=True))
    found: dict[str, Any] = {}
    for folder in dict.fromkeys(folders.tolist()):
        here = folders == folder
        several = sorted(set(kinds[here].tolist()))
        found[folder] = figures(here) | {
            "kinds": {kind: figures(here & (kinds == kind)) for kind in several}
            if len(several) > 1
            else {}
        }
    return found


def separability(scored: np.ndarray, ood: np.ndarray) -> dict[str, float]:
    """Returns `auroc` and `fpr_at_95_tpr` of one score, both 0 to 1; see the module.

    Args:
        scored: float [N], of the scored split.
        ood: float [M], of OOD images.
    """
    truth = np.repeat([1, 0], [len(scored), len(ood)])
    passing = -(-95 * len(scored) // 100)  # at least 95%, rounded up in whole numbers
    threshold = np.sort(scored)[-passing]
    return {
        "auroc": float(roc_auc_score(truth, np.concatenate([scored, ood]))),
        "fpr_at_95_tpr": float((ood >= threshold).mean()),
    }


def _histogram(scored: np.ndarray, ood: np.ndarray, threshold: float | None) -> dict[str, Any]:
    """Bins values of 0 to 1, up to the tenth above the largest."""
    last = math.ceil(10 * max(scored.max(), ood.max(), 0.1) - 1e-6) / 10
    edges = np.linspace(0, last, BINS + 1)
    shares = {
        name: (np.histogram(np.minimum(values, last), edges)[0] / len(values)).round(5).tolist()
        for name, values in (("scored", scored), ("others", ood))
    }
    return {"edges": edges.round(5).tolist(), **shares, "threshold": threshold}
