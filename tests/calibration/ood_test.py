import numpy as np
import pytest

from trash_keras.calibration import ood


@pytest.fixture
def features():
    """Training and validation features in three of eight dimensions, OOD features out of them."""
    generator = np.random.default_rng(0)
    plane = np.linalg.qr(generator.normal(size=(8, 3)))[0]
    inside = 1 + generator.normal(size=(300, 3)) @ plane.T + 0.02 * generator.normal(size=(300, 8))
    outside = 1 + generator.normal(size=(50, 8))
    return inside[:200], inside[200:], outside


def test_ood_features_have_a_residual(features):
    train, valid, ood_features = features
    found = ood.fit(train, valid)
    assert found.basis.shape == (8, 4)
    assert found.residual(valid).max() < 0.02 < 0.1 < np.median(found.residual(ood_features))
    assert found.residual(ood_features).max() <= 1


def test_the_residual_does_not_depend_on_how_long_features_are(features):
    train, valid, ood_features = features
    found = ood.fit(train, valid)
    longer = 7 * ood_features
    np.testing.assert_allclose(found.residual(longer), found.residual(ood_features), rtol=1e-4)
    assert np.isfinite(found.residual(np.zeros((1, 8)))), "features of a black image, say"


def test_in_distribution_logits_stay_and_ood_ones_shrink(features):
    train, valid, ood_features = features
    found = ood.fit(train, valid)
    assert np.mean(found.scaling(valid) == 1) == pytest.approx(0.9, abs=0.01)
    scaled = found.scaling(ood_features)
    assert np.median(scaled) < 0.01
    assert (scaled > 0).all()


def test_two_training_images_and_one_for_validation_are_enough(features):
    train, valid, _ = features
    found = ood.fit(train[:2], valid[:1])
    assert found.basis.shape == (8, 1)
    assert found.limit == pytest.approx(found.residual(valid[:1])[0], rel=1e-4)


@pytest.mark.parametrize(("train", "valid"), [(1, 5), (5, 0)])
def test_too_few_images_are_refused(train, valid):
    with pytest.raises(ValueError, match=f"Received: {train} and {valid}"):
        ood.fit(np.ones((train, 4)), np.ones((valid, 4)))
