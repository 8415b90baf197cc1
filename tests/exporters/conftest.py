"""Fixtures of the export tests."""

import numpy as np
import pytest

from trash_keras.metadata import ModelMetadata

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


@pytest.fixture(scope="session")
def spec(classifier, images):
    """The classifier with a temperature and OOD detection."""
    from trash_keras.calibration.ood import SubspaceDetector
    from trash_keras.exporters.model_info import ModelInfo
    from trash_keras.exporters.spec import ExportSpec
    from trash_keras.models import inference

    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 3)))[0].astype(np.float32)
    detector = SubspaceDetector(np.zeros(12, np.float32), basis, 0.95)
    model = inference.build_inference_model(classifier, temperature=0.3, ood_detector=detector)
    metadata = ModelMetadata(("blue", "green", "red"), SIDE, "crop", threshold=0.6)
    calibration = np.concatenate([images, 255 - images]).astype(np.uint8)
    info = ModelInfo("Toy", "Tells blue, green and red apart.", "MIT", {"seed": 3})
    return ExportSpec(model, metadata, info, calibration.copy)


@pytest.fixture(scope="session")
def training_mode(classifier, images):
    """What the classifier makes of the images in training mode, which no export may have.

    Of a copy, since the call moves the means of BatchNorm.
    """
    import keras

    copy = keras.models.clone_model(classifier)
    copy.set_weights(classifier.get_weights())
    return np.asarray(copy(images, training=True))
