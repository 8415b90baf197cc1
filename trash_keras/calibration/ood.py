"""How much of an image's features lies outside what training showed: its novelty.

The features of the training images fill few of their dimensions: their principal subspace.
Those of an image of something else point out of it. The residual of Wang, Li, Feng & Zhang, "ViM:
Out-Of-Distribution with Virtual-logit Matching", CVPR 2022, section 4.1, is the length of that
part; here it counts by its share of the whole, as in Cook, Zare & Gader, "Outlier Detection
through Null Space Analysis of Neural Networks", 2020, since features of some images are longer
than of others without being stranger.
"""

import dataclasses

import numpy as np

DIMENSIONS = 64  # of the principal subspace; half or twice as many tell about as well
FAMILIAR_SHARE = 0.9  # of validation images, whose predictions stay as sure as they are
POWER = 3.0
# Whose features show what is familiar; more change next to nothing, and take time and memory.
TRAINING_IMAGES = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class SubspaceDetector:
    """A principal subspace, and the novelty from which on predictions become less sure.

    Attributes:
        mean: float32 [channels], of the training features.
        basis: float32 [channels, dimensions], orthonormal columns.
        limit: SubspaceDetector up to which an image is familiar, above 0, at most 1.
    """

    mean: np.ndarray
    basis: np.ndarray
    limit: float

    def of(self, features: np.ndarray) -> np.ndarray:
        """Returns the novelty of images, float [N], 0 (as in training) to 1.

        Args:
            features: float [N, channels], pooled.
        """
        return _share_outside(features - self.mean, self.basis)

    def scaling(self, features: np.ndarray) -> np.ndarray:
        """Returns what logits are multiplied by, float [N], above 0: 1 where familiar.

        Args:
            features: float [N, channels], pooled.
        """
        return (self.limit / np.maximum(self.of(features), self.limit)) ** POWER


def fit(train: np.ndarray, valid: np.ndarray) -> SubspaceDetector:
    """Finds the subspace on training images and the limit on validation.

    Training images would set the limit too low: the subspace was made for them.

    Args:
        train: float [N, channels], pooled features of the training images.
        valid: float [M, channels], those of the validation images.

    Raises:
        ValueError: There are less than two training images, or none of validation.
    """
    if len(train) < 2 or not len(valid):
        raise ValueError(
            "SubspaceDetector needs two training images and one of validation. "
            f"Received: {len(train)} and {len(valid)}."
        )
    mean = train.mean(axis=0)
    dimensions = min(DIMENSIONS, len(train) - 1, max(1, train.shape[1] // 2))
    _, directions = np.linalg.eigh((train - mean).T @ (train - mean))  # the largest come last
    basis = directions[:, -dimensions:].astype(np.float32)
    limit = np.quantile(_share_outside(valid - mean, basis), FAMILIAR_SHARE)
    return SubspaceDetector(mean.astype(np.float32), basis, float(max(limit, 1e-3)))


def _share_outside(centred: np.ndarray, basis: np.ndarray) -> np.ndarray:
    whole = np.square(centred).sum(axis=1)
    inside = np.square(centred @ basis).sum(axis=1)
    return np.clip(1 - inside / np.maximum(whole, 1e-12), 0.0, 1.0)
