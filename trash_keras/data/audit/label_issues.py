"""Label issues: images whose label is probably wrong (confident learning)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

FOLDS = 5
# Divided by the number of features, scikit-learn's C. Cross-validated probabilities of TrashNet
# with 1,280 features have the lowest cross-entropy near this value (0.309; three times less gives
# 0.316, three times more 0.322).
_INVERSE_REGULARIZATION = 40
METHOD = (
    f"{FOLDS}-fold cross-validated probabilities of a logistic regression on standardized frozen "
    "features, near-duplicates kept in one fold; confident learning (Northcutt, Jiang and "
    "Chuang, 2021) as cleanlab computes it: another class gets a probability above the average "
    "that this class's own images get. Ranked by the probability of the given label. A label "
    "issue is a reason to look, not a verdict: a hard image with the right label is listed, too."
)


@dataclasses.dataclass(frozen=True)
class LabelIssue:
    """An image whose label is probably wrong.

    Attributes:
        index: Row of the features.
        label: As given.
        suggestion: The most probable label.
        probability_of_label: 0..1.
        probability_of_suggestion: 0..1.
    """

    index: int
    label: int
    suggestion: int
    probability_of_label: float
    probability_of_suggestion: float


@dataclasses.dataclass(frozen=True)
class LabelIssues:
    """What `find` found.

    Attributes:
        accuracy: Share of images whose most probable class is the given label, 0..1.
        found: The most probable first.
    """

    accuracy: float
    found: tuple[LabelIssue, ...]


def find(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[Sequence[int]], seed: int
) -> LabelIssues:
    """Finds and ranks label issues as `METHOD` says.

    Source: Northcutt, Jiang, Chuang, "Confident Learning", 2021,
    https://arxiv.org/abs/1911.00068.

    Args:
        features: float [N, channels].
        labels: int [N], 0..K-1, each of them in use.
        groups: Rows that show the same; a copy must not confirm its own label.
        seed: Decides the folds.

    Returns:
        The label issues, and the accuracy of the classifier that they come from.

    Raises:
        ImportError: cleanlab is missing.
        ValueError: There are fewer than two classes, or a class has too few images.
    """
    # An extra; `audit.require_packages` says how to get it.
    from cleanlab.filter import find_label_issues

    probabilities = cross_validate(features, labels, groups, seed)
    suggestions = probabilities.argmax(axis=1)
    ranked = find_label_issues(
        labels,
        probabilities,
        return_indices_ranked_by="self_confidence",
        filter_by="confident_learning",
        n_jobs=1,
    )
    issues = [
        LabelIssue(
            index,
            int(labels[index]),
            int(suggestions[index]),
            float(probabilities[index, labels[index]]),
            float(probabilities[index, suggestions[index]]),
        )
        for index in map(int, ranked)
        if suggestions[index] != labels[index]
    ]
    return LabelIssues(float(np.mean(suggestions == labels)), tuple(issues))


def cross_validate(
    features: np.ndarray, labels: np.ndarray, groups: Sequence[Sequence[int]], seed: int
) -> np.ndarray:
    """Predicts each image by a classifier that saw neither it nor its near-duplicates.

    Args:
        features: float [N, channels].
        labels: int [N], 0..K-1, each of them in use.
        groups: Rows to keep in one fold.
        seed: Decides the folds.

    Returns:
        float [N, K], probabilities.

    Raises:
        ValueError: There are fewer than two classes, or a class has too few images.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = np.bincount(labels)
    if len(counts) < 2 or counts.min() < FOLDS:
        raise ValueError(
            f"Label issues can be found among two classes or more of at least {FOLDS} readable "
            f"images each. Received: {', '.join(map(str, counts)) or 'none'}. Leave out "
            "--backbone to audit the rest."
        )
    group_of_row = np.arange(len(labels))
    for rows in groups:
        group_of_row[list(rows)] = rows[0]
    probabilities = np.zeros((len(labels), len(counts)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    parts = list(folds.split(features, labels, group_of_row))
    for train, held_out in tqdm(parts, desc="Cross-validating labels", unit="fold"):
        strength = _INVERSE_REGULARIZATION / features.shape[1]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        model.fit(features[train], labels[train])
        # A class whose images are all in one fold is not known to that fold's classifier.
        probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return probabilities
