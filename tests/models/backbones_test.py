import inspect

import keras
import numpy as np
import pytest

from trash_keras.models import backbones

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
FAMILIES = ["ResNet50", "ResNet50V2", "VGG16", "DenseNet121", "MobileNet", "EfficientNetB0",
            "ConvNeXtTiny", "MobileNetV3Small", "InceptionV3", "NASNetMobile"]  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_scaling_is_the_familys_own(name):
    family = inspect.getmodule(getattr(keras.applications, name))
    expected = family.preprocess_input(IMAGES.copy())
    layer = backbones._preprocessing(name)
    np.testing.assert_allclose(layer(IMAGES) if layer else IMAGES, expected, atol=1e-4)


def test_a_file_keeps_its_weights_at_another_size(toy_backbone):
    _, same = backbones.build(str(toy_backbone), "imagenet", 16)
    _, larger = backbones.build(str(toy_backbone), "imagenet", 32)
    _, fresh = backbones.build(str(toy_backbone), "none", 16)
    assert larger.input_shape == (None, 32, 32, 3)
    for one, other in zip(same.get_weights(), larger.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(same.get_weights()[0], fresh.get_weights()[0])


def test_weights_from_a_file(toy_backbone, tmp_path):
    _, source = backbones.build(str(toy_backbone), "none", 16)
    source.save_weights(tmp_path / "w.weights.h5")
    _, loaded = backbones.build(str(toy_backbone), str(tmp_path / "w.weights.h5"), 16)
    np.testing.assert_array_equal(loaded.get_weights()[0], source.get_weights()[0])
    with pytest.raises(ValueError, match="does not fit the backbone mobilenet"):
        backbones.build("MobileNet", str(tmp_path / "w.weights.h5"), 32)


def test_imagenet_that_cannot_be_downloaded_names_the_flag(monkeypatch):
    def fail(*arguments, **options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr("keras.src.applications.mobilenet.file_utils.get_file", fail)
    with pytest.raises(ValueError, match=r"cannot be downloaded .*--weights=PATH.*--weights=none"):
        backbones.build("MobileNet", "imagenet", 32)


@pytest.mark.parametrize(
    ("backbone", "weights", "message"),
    [
        ("ResNet5", "none", "Near names: ResNet50"),
        ("EfficientNetLite3", "none", "Near names: EfficientNetLite"),
        ("gone.keras", "none", "There is no backbone file gone.keras"),
        ("ResNet50", "gone.h5", "--weights must be imagenet, none, or the path"),
        ("InceptionV3", "none", "cannot be built for --image_size=32"),
    ],
)
def test_wrong_choices_are_refused(backbone, weights, message):
    with pytest.raises(ValueError, match=message):
        backbones.build(backbone, weights, 32)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(ValueError, match=r"^--backbone takes .*a text file"):
        backbones.build(str(tmp_path / "text.keras"), "imagenet", 32)
