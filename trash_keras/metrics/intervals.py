"""Confidence intervals: how far a figure of a sample may lie from the true one."""

import numpy as np
from scipy import stats

RESAMPLES = 10_000
_NUMBERS_AT_ONCE = 10_000_000  # of the bootstrap, 8 bytes each


def wilson_interval(correct: int, examples: int) -> list[float]:
    """Returns low and high end of the 95% interval of a share (Wilson, 1927), 0 to 1."""
    interval = stats.binomtest(correct, examples).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def binomial_upper_bound(wrong: np.ndarray, examples: np.ndarray, confidence: float) -> np.ndarray:
    """Returns the upper end of the exact one-sided interval of shares, float [M], 0 to 1.

    Clopper & Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial", Biometrika 1934.

    Args:
        wrong: int [M], errors.
        examples: int [M], images that they were counted in, above 0.
        confidence: Probability that a true share is not above its bound, above 0 and below 1.
    """
    # The quantile is not defined where all are wrong.
    right = np.maximum(np.asarray(examples) - wrong, 1)
    bound = stats.beta.ppf(confidence, np.asarray(wrong) + 1, right)
    return np.where(np.equal(wrong, examples), 1.0, bound)


def bootstrap_interval(
    values: np.ndarray,
    clusters: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> list[float]:
    """Returns the 95% percentile interval of a mean (Efron & Tibshirani, 1993, chapter 13).

    Images are drawn with replacement. Images of one cluster are drawn together (cluster
    bootstrap), since copies of an image say little more than the image. The interval tells how
    much other images of the same kind would move the mean. It does not know what affects all
    images alike, such as the seed of a training.

    Args:
        values: float [N].
        clusters: int [N], 0..C-1, each in use; None where each image is a cluster of its own.
        resamples: How often C clusters are drawn.
        generator: Source of randomness; None for a fixed seed.

    Returns:
        Low and high end.
    """
    clusters = np.arange(len(values)) if clusters is None else clusters
    sums, sizes = np.bincount(clusters, values), np.bincount(clusters)

    def mean(sums: np.ndarray, sizes: np.ndarray, axis: int) -> np.ndarray:
        return sums.sum(axis) / sizes.sum(axis)

    interval = stats.bootstrap(
        (sums, sizes),
        mean,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        method="percentile",
        batch=max(1, _NUMBERS_AT_ONCE // len(sums)),
        rng=np.random.default_rng(0) if generator is None else generator,
    ).confidence_interval
    return [float(interval.low), float(interval.high)]
