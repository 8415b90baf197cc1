import numpy as np
import pytest

from trash_keras.calibration import ood


@pytest.fixture
def features():
    """Training and validation features in a plane of eight dimensions, and others out of it."""
    generator = np.random.default_rng(0)
    plane = np.linalg.qr(generator.normal(size=(8, 4)))[0]
    inside = 5 + generator.normal(size=(300, 4)) @ plane.T + 0.05 * generator.normal(size=(300, 8))
    outside = 5 + generator.normal(size=(50, 8))
    return inside[:200], inside[200:], outside


def test_what_lies_outside_the_subspace_is_novel(features):
    train, valid, others = features
    found = ood.fit(train, valid)
    assert found.basis.shape == (8, 4)
    assert found.of(valid).max() < 0.1 < np.median(found.of(others))
    assert found.of(others).max() <= 1


def test_novelty_does_not_depend_on_how_long_features_are(features):
    train, valid, others = features
    found = ood.fit(train, valid)
    longer = found.mean + 7 * (others - found.mean)
    np.testing.assert_allclose(found.of(longer), found.of(others), rtol=1e-4)


def test_familiar_predictions_stay_and_novel_ones_lose(features):
    train, valid, others = features
    found = ood.fit(train, valid)
    assert np.mean(found.scaling(valid) == 1) == pytest.approx(0.9, abs=0.01)
    damped = found.scaling(others)
    assert np.median(damped) < 0.01
    assert (damped > 0).all()


@pytest.mark.parametrize(("train", "valid"), [(1, 5), (5, 0)])
def test_too_few_images_are_refused(train, valid):
    with pytest.raises(ValueError, match=f"Received: {train} and {valid}"):
        ood.fit(np.ones((train, 4)), np.ones((valid, 4)))
