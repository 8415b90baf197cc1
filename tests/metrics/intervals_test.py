import numpy as np
import pytest
from scipy import stats

from trash_keras.metrics.intervals import binomial_upper_bound, bootstrap_interval, wilson_interval


@pytest.mark.parametrize(
    ("correct", "examples", "expected"),
    # (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n) with z = 1.95996, by hand.
    [(8, 10, [0.4902, 0.9433]), (10, 10, [0.7225, 1.0]), (0, 10, [0.0, 0.2775])],
)
def test_the_interval_is_wilsons(correct, examples, expected):
    assert wilson_interval(correct, examples) == pytest.approx(expected, abs=1e-4)


def test_the_exact_bound_is_that_of_scipy():
    wrong, examples = np.array([0, 1, 7, 30, 30]), np.array([114, 194, 40, 31, 30])
    expected = [
        stats.binomtest(int(k), int(n), alternative="less").proportion_ci(0.9, "exact").high
        for k, n in zip(wrong, examples, strict=True)
    ]
    np.testing.assert_allclose(binomial_upper_bound(wrong, examples, 0.9), expected)
    assert 0.0199 < expected[0] < 0.02 and expected[-1] == 1


def test_the_interval_is_that_of_wilson_for_one_seed_and_many_images():
    right = np.random.default_rng(0).random(2000) < 0.9
    interval = bootstrap_interval(right.astype(float), np.arange(2000))
    assert interval == pytest.approx(wilson_interval(int(right.sum()), 2000), abs=0.003)
    assert bootstrap_interval(right.astype(float), np.arange(2000)) == interval


@pytest.mark.parametrize("copies", [1, 8])
def test_intervals_cover_the_truth_even_where_images_are_copies(copies):
    generator = np.random.default_rng(1)
    clusters, covered, covered_apart = np.repeat(np.arange(120), copies), 0, 0
    for _ in range(200):
        # Two seeds that are right on the same images more often than not.
        easy = generator.random(120) < 0.7
        seeds = [np.where(generator.random(120) < 0.8, easy, ~easy) for _ in range(2)]
        values = np.mean(seeds, axis=0)[clusters]
        truth = 0.7 * 0.8 + 0.3 * 0.2
        low, high = bootstrap_interval(values, clusters, 400)
        covered += low <= truth <= high
        low, high = bootstrap_interval(values, None, 400)
        covered_apart += low <= truth <= high
    assert 0.9 <= covered / 200 <= 0.99
    if copies > 1:
        assert covered_apart / 200 < 0.7  # what counting copies as images would claim
