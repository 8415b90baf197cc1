"""How far a share that was counted may lie from the true one."""

from scipy.stats import binomtest


def wilson_interval(correct: int, examples: int) -> list[float]:
    """Returns low and high end of the 95% interval of a share (Wilson, 1927), 0 to 1."""
    interval = binomtest(correct, examples).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]
