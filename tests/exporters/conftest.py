"""Fixtures of the export tests."""

import numpy as np
import pytest

SIDE = 16


@pytest.fixture(scope="session")
def classifier(toy_backbone):
    """A classifier whose predictions in training mode are far from those in inference mode."""
    import keras

    from trash_keras.models import backbones
    from trash_keras.models.classifier import build

    keras.utils.set_random_seed(2)
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", SIDE)
    model = build(backbone, 3, scaling=scaling, dropout=0.9)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.full(layer.moving_mean.shape, 0.5))
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.2))
    return model


@pytest.fixture(scope="session")
def images():
    """Five images of other colours each: float32 [5, 16, 16, 3], 0..255."""
    generator = np.random.default_rng(0)
    tints = generator.uniform(0, 1, (5, 1, 1, 3))
    return (tints * generator.uniform(0, 255, (5, SIDE, SIDE, 3))).astype("float32")
