import keras
import numpy as np
import pytest

from trash_keras.models import backbone_top, classifier


@pytest.fixture
def model():
    """A classifier whose backbone has a residual connection, and BatchNorm in its top."""
    inputs = keras.Input((8, 8, 3))
    x = first = keras.layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same", name="inside")(x)
    x = keras.layers.Add(name="add")([first, x])
    x = keras.layers.Conv2D(5, 3, name="top")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    scaling = keras.layers.Rescaling(1 / 255, name=classifier.SCALING)
    return classifier.build(keras.Model(inputs, x), 2, scaling=scaling)


@pytest.mark.parametrize(
    ("share", "channels", "trained"),
    [(0.0, 5, 0), (0.2, 5, 0), (0.4, 4, 2), (0.6, 4, 2), (0.7, 4, 4), (1.0, 3, 6)],
)
def test_both_parts_together_are_the_extractor(model, share, channels, trained):
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    expected = classifier.feature_extractor(model).predict(images, verbose=0)
    bottom, top = backbone_top.split(model, share)
    assert bottom.output_shape[-1] == channels and len(top.trainable_weights) == trained
    found = top.predict(bottom.predict(images, verbose=0), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_weights_are_shared(model, tmp_path):
    _, top = backbone_top.split(model, 0.5)
    top.set_weights([weight + 1 for weight in top.get_weights()])
    model.save(tmp_path / "model.keras")
    images = np.ones((1, 8, 8, 3), np.float32)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)
    kernel = loaded.get_layer(classifier.BACKBONE).get_layer("top").kernel
    np.testing.assert_array_equal(kernel, top.get_weights()[0])
