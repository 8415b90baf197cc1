"""How far a figure of a sample may lie from the true one: confidence intervals."""

import numpy as np
from scipy import stats

RESAMPLES = 10_000
_NUMBERS_AT_ONCE = 10_000_000  # of the bootstrap, 8 bytes each


def wilson_interval(correct: int, examples: int) -> list[float]:
    """Returns low and high end of the 95% interval of a share (Wilson, 1927), 0 to 1."""
    interval = stats.binomtest(correct, examples).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def bootstrap_interval(
    values: np.ndarray,
    draws: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> list[float]:
    """Returns the 95% percentile interval of a mean (Efron & Tibshirani, 1993, chapter 13).

    Images are drawn with replacement; images of one draw come together (cluster bootstrap), since
    copies of an image say little more than the image. It tells how much other images of the same
    kind would move the mean; what is done to all images alike, as training with one seed is, it
    cannot know.

    Args:
        values: float [N].
        draws: int [N], 0..D-1, each in use; None where each image is a draw of its own.
        resamples: How often D draws are made.
        generator: Where chance comes from; None for one that always says the same.

    Returns:
        Low and high end.
    """
    draws = np.arange(len(values)) if draws is None else draws
    sums, sizes = np.bincount(draws, values), np.bincount(draws)

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
