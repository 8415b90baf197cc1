import numpy as np
import pytest

from trash_keras.metrics.intervals import wilson_interval
from trash_keras.metrics.reliability import IMAGES_A_BIN, MOST_BINS, reliability_curve


def two_classes(confidence):
    confidence = np.asarray(confidence, float)
    return np.stack([confidence, 1 - confidence], axis=1)


def test_bins_hold_equally_many_images_and_their_own_figures():
    generator = np.random.default_rng(0)
    confidence = 1 - generator.beta(0.2, 4, 431) / 2  # crowded near 1, as of a good classifier
    labels = (generator.random(431) > confidence).astype(int)
    found = reliability_curve(labels, two_classes(confidence))
    assert found.count.tolist() == [44] + [43] * 9 and len(found.count) == MOST_BINS
    order = np.argsort(confidence)
    first, last = order[:44], order[-43:]
    assert found.confidence[0] == pytest.approx(confidence[first].mean())
    assert found.accuracy[-1] == pytest.approx((labels[last] == 0).mean())
    assert found.interval[0].tolist() == wilson_interval(int((labels[first] == 0).sum()), 44)
    assert (np.diff(found.confidence) > 0).all()


@pytest.mark.parametrize(("images", "bins"), [(1, 1), (39, 1), (40, 2), (199, 9), (5000, 10)])
def test_no_bin_has_too_few_images_for_its_interval(images, bins):
    confidence = np.linspace(0.6, 0.9, images)
    found = reliability_curve(np.zeros(images, int), two_classes(confidence))
    assert len(found.count) == bins and found.count.sum() == images
    assert found.count.min() >= min(IMAGES_A_BIN, images) and np.ptp(found.count) <= 1


def test_equal_confidences_are_binned_all_the_same():
    found = reliability_curve(np.array([0] * 90 + [1] * 10), two_classes([0.9] * 100))
    assert found.count.tolist() == [20] * 5
    assert found.confidence == pytest.approx([0.9] * 5)
    assert found.accuracy @ found.count / 100 == pytest.approx(0.9)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        reliability_curve(np.array([], int), np.zeros((0, 2)))
