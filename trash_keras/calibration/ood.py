"""Out-of-distribution (OOD) detection: features outside the subspace of the training images.

The features of training images fill few of their dimensions: their principal subspace. Features
of OOD images point out of it. The residual of Wang, Li, Feng & Zhang, "ViM: Out-Of-Distribution
with Virtual-logit Matching", CVPR 2022, section 4.1, is the length of the part outside. Here it is
squared, and taken of features that are scaled to length 1 first, as in Mueller & Hein,
"Mahalanobis++: Improving OOD Detection via Feature Normalization", ICML 2025: how long features are
says little about where they come from, and hides much of where they point.
"""

import dataclasses

import numpy as np

DIMENSIONS = 128  # of the principal subspace; twice as many detect little better
UNCHANGED_SHARE = 0.9  # of validation images, whose probabilities stay as they are
POWER = 3.0
# That the subspace is fitted to; more change next to nothing, and take time and memory.
TRAINING_IMAGES = 10_000
TINY = 1e-12  # squared length of features below which they count as none


@dataclasses.dataclass(frozen=True, eq=False)
class SubspaceDetector:
    """A principal subspace, and the residual above which predictions become less sure.

    Attributes:
        mean: float32 [channels], of the training features of length 1.
        basis: float32 [channels, dimensions], orthonormal columns.
        limit: Residual up to which an image counts as in-distribution, above 0.
    """

    mean: np.ndarray
    basis: np.ndarray
    limit: float

    def residual(self, features: np.ndarray) -> np.ndarray:
        """Returns the squared length outside the subspace, float [N], from 0 (as in training).

        Args:
            features: float [N, channels], pooled, of any length.
        """
        return _outside(unit_length(features) - self.mean, self.basis)

    def scaling(self, features: np.ndarray) -> np.ndarray:
        """Returns the factor of the logits, float [N], above 0, and 1 where in-distribution.

        Args:
            features: float [N, channels], pooled.
        """
        return (self.limit / np.maximum(self.residual(features), self.limit)) ** POWER


def fit(train: np.ndarray, valid: np.ndarray) -> SubspaceDetector:
    """Fits the subspace to training images and the limit to validation images.

    Training images would set the limit too low, since the subspace fits them best.

    Args:
        train: float [N, channels], pooled features of the training images.
        valid: float [M, channels], those of the validation images.

    Raises:
        ValueError: There are fewer than two training images, or no validation images.
    """
    if len(train) < 2 or not len(valid):
        raise ValueError(
            "OOD scaling needs two training images and one validation image. "
            f"Received: {len(train)} and {len(valid)}."
        )
    train, valid = unit_length(train), unit_length(valid)
    mean = train.mean(axis=0)
    dimensions = min(DIMENSIONS, len(train) - 1, max(1, train.shape[1] // 2))
    _, directions = np.linalg.eigh((train - mean).T @ (train - mean))  # the largest come last
    basis = directions[:, -dimensions:].astype(np.float32)
    limit = np.quantile(_outside(valid - mean, basis), UNCHANGED_SHARE)
    return SubspaceDetector(mean.astype(np.float32), basis, float(max(limit, 1e-4)))


def unit_length(features: np.ndarray) -> np.ndarray:
    """Returns features divided by their length; all-zero ones stay zero.

    Args:
        features: float [N, channels].
    """
    return features / np.sqrt(np.maximum(np.square(features).sum(axis=1, keepdims=True), TINY))


def _outside(centred: np.ndarray, basis: np.ndarray) -> np.ndarray:
    whole = np.square(centred).sum(axis=1)
    return np.maximum(whole - np.square(centred @ basis).sum(axis=1), 0.0)
