"""Out-of-distribution (OOD) detection: features outside the subspace of the training images.

The features of training images fill few of their dimensions: their principal subspace. Features
of OOD images point out of it. The residual of Wang, Li, Feng & Zhang, "ViM: Out-Of-Distribution
with Virtual-logit Matching", CVPR 2022, section 4.1, is the length of the part outside. Here it is
a share of the whole length, squared, as in Cook, Zare & Gader, "Outlier Detection through Null
Space Analysis of Neural Networks", 2020, since longer features need not be less in-distribution.
"""

import dataclasses

import numpy as np

DIMENSIONS = 64  # of the principal subspace; half or twice as many detect about as well
UNCHANGED_SHARE = 0.9  # of validation images, whose probabilities stay as they are
POWER = 3.0
# That the subspace is fitted to; more change next to nothing, and take time and memory.
TRAINING_IMAGES = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class SubspaceDetector:
    """A principal subspace, and the residual above which predictions become less sure.

    Attributes:
        mean: float32 [channels], of the training features.
        basis: float32 [channels, dimensions], orthonormal columns.
        limit: Residual up to which an image counts as in-distribution, above 0, at most 1.
    """

    mean: np.ndarray
    basis: np.ndarray
    limit: float

    def residual(self, features: np.ndarray) -> np.ndarray:
        """Returns the share of features outside the subspace, float [N], 0 (as in training) to 1.

        Args:
            features: float [N, channels], pooled.
        """
        return _share_outside(features - self.mean, self.basis)

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
    mean = train.mean(axis=0)
    dimensions = min(DIMENSIONS, len(train) - 1, max(1, train.shape[1] // 2))
    _, directions = np.linalg.eigh((train - mean).T @ (train - mean))  # the largest come last
    basis = directions[:, -dimensions:].astype(np.float32)
    limit = np.quantile(_share_outside(valid - mean, basis), UNCHANGED_SHARE)
    return SubspaceDetector(mean.astype(np.float32), basis, float(max(limit, 1e-3)))


def _share_outside(centred: np.ndarray, basis: np.ndarray) -> np.ndarray:
    whole = np.square(centred).sum(axis=1)
    inside = np.square(centred @ basis).sum(axis=1)
    return np.clip(1 - inside / np.maximum(whole, 1e-12), 0.0, 1.0)
