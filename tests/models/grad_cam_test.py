import keras
import numpy as np
import pytest

from trash_keras.models import backbones, classifier
from trash_keras.models.grad_cam import GradCam, NoHeatMapError


def shares_inside(heat_maps, boxes, cell=4):
    """The share of each map in the cells that its square touches."""
    found = []
    for heat_map, (top, left) in zip(heat_maps, boxes, strict=True):
        rows = slice(top // cell, (top + 7) // cell + 1)
        columns = slice(left // cell, (left + 7) // cell + 1)
        found.append(heat_map[rows, columns].sum() / heat_map.sum())
    return np.array(found)


def test_the_evidence_lies_where_it_is_known_to_lie(squares):
    model, images, labels, boxes = squares
    heat_maps = GradCam(model)(images.astype("float32"), labels)
    assert heat_maps.shape == (12, 8, 8) and heat_maps.dtype == np.float32
    assert (shares_inside(heat_maps, boxes) > 0.99).all()
    np.testing.assert_allclose(heat_maps.max(axis=(1, 2)), 1)
    assert (shares_inside(heat_maps, boxes[::-1]) < 0.5).mean() > 0.8


def test_nothing_speaks_for_the_other_class(squares):
    model, images, labels, _ = squares
    assert not GradCam(model)(images.astype("float32"), 1 - labels).any()


def test_each_image_is_explained_for_itself(squares):
    model, images, labels, _ = squares
    images, grad_cam = images.astype("float32"), GradCam(model)
    together = grad_cam(images, labels)
    alone = [grad_cam(images[[n]], labels[[n]])[0] for n in range(12)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_with_a_linear_head_it_is_the_class_activation_map(toy_backbone):
    keras.utils.set_random_seed(0)  # with other weights, nothing may speak for a class
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    model = classifier.build(backbone, 3, scaling=scaling, dropout=0.5)
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    labels = np.array([0, 1, 2, 1])
    features = backbone.predict(images, verbose=0)
    kernel = np.array(model.get_layer(classifier.LOGITS).kernel)
    expected = np.einsum("nhwc,cn->nhw", features, kernel[:, labels]).clip(0)
    expected /= expected.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(GradCam(model)(images, labels), expected, atol=1e-5)


def test_a_model_that_is_quite_sure_is_explained_too(squares):
    model, images, labels, boxes = squares
    sure = keras.models.clone_model(model)
    sure.set_weights(model.get_weights())
    sure.get_layer(classifier.LOGITS).set_weights([np.eye(2) * 1000, np.zeros(2)])
    images = images.astype("float32")
    assert (sure.predict(images, verbose=0).max(axis=1) > 1 - 1e-6).all()
    assert (shares_inside(GradCam(sure)(images, labels), boxes) > 0.99).all()


def test_mixed_precision_is_explained_in_float32(toy_backbone):
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
        mixed = classifier.build(backbone, 3, scaling=scaling)
        found = GradCam(mixed)(images, np.zeros(4, int))
    finally:
        keras.config.set_dtype_policy("float32")
    expected = GradCam(classifier.in_float32(mixed))(images, np.zeros(4, int))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layer", [keras.layers.GlobalAveragePooling2D(),
                                   keras.layers.AveragePooling2D(16)])  # fmt: skip
def test_a_backbone_without_places_has_no_heat_maps(layer):
    inputs = keras.Input((16, 16, 3))
    model = classifier.build(keras.Model(inputs, layer(inputs)), 2)
    with pytest.raises(NoHeatMapError, match=r"of more than one place.* Received: "):
        GradCam(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ResNet50", "MobileNetV3Small", "EfficientNetV2B0"])
def test_networks_of_keras_applications_are_explained(name, tmp_path):
    scaling, backbone = backbones.build(name, "none", 64)
    classifier.build(backbone, 3, scaling=scaling).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", compile=False)
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    heat_maps = np.stack([GradCam(model)(images, np.full(2, label)) for label in range(3)])
    assert heat_maps.shape == (3, 2, 2, 2)
    assert heat_maps.min() >= 0 and heat_maps.max() == 1
