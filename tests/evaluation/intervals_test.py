import pytest

from trash_keras.evaluation.intervals import wilson_interval


@pytest.mark.parametrize(
    ("correct", "examples", "expected"),
    # (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n) with z = 1.95996, by hand.
    [(8, 10, [0.4902, 0.9433]), (10, 10, [0.7225, 1.0]), (0, 10, [0.0, 0.2775])],
)
def test_the_interval_is_wilsons(correct, examples, expected):
    assert wilson_interval(correct, examples) == pytest.approx(expected, abs=1e-4)
