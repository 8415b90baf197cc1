import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from trash_keras.calibration import ood
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.models import backbones, classifier, inference

GENERATOR = np.random.default_rng(0)
# Slopes of brightness and crosses: each view of one is another image.
IMAGES = np.cumsum(GENERATOR.uniform(0, 2, (5, 16, 16, 3)), axis=1)
IMAGES = np.cumsum(IMAGES, axis=2).astype("float32") % 256


@pytest.fixture(scope="module")
def trained(toy_backbone):
    keras.utils.set_random_seed(3)
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    model = classifier.build(backbone, 3, scaling=scaling, dropout=0.5)
    head = model.get_layer(classifier.LOGITS)
    features = classifier.feature_extractor(model).predict(IMAGES, verbose=0)
    kernel = 30 * head.get_weights()[0]
    head.set_weights([kernel, -features.mean(axis=0) @ kernel])  # predictions that differ
    return model


def predictions(model, images=IMAGES):
    return model.predict(images, verbose=0)


def test_by_default_it_predicts_as_the_classifier_in_inference_mode(trained):
    model = inference.build_inference_model(trained)
    assert model.output_shape == (None, 3) and model.output.dtype == "float32"
    np.testing.assert_allclose(predictions(model), predictions(trained), atol=1e-6)
    np.testing.assert_allclose(model(IMAGES), predictions(trained), atol=1e-6)
    assert np.abs(trained(IMAGES, training=True) - predictions(trained)).max() > 0.01


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_divides_the_logits(trained, temperature):
    model = inference.build_inference_model(trained, temperature)
    expected = apply_temperature(predictions(trained), temperature)
    np.testing.assert_allclose(predictions(model), expected, atol=1e-5)
    assert np.abs(expected - predictions(trained)).max() > 0.05
    # The quantizer meets nothing that is hard to quantize.
    assert [layer.__class__.__name__ for layer in model.layers] == [
        "InputLayer", "Functional", "Rescaling", "Softmax"
    ]  # fmt: skip


def views_of(images, count):
    """The views as the documentation tells them, with TensorFlow's own functions."""
    middle = tf.image.resize(images[:, 1:15, 1:15], (16, 16))
    found = [images, tf.image.flip_left_right(images)][:count]
    if count > 2:
        found += [tf.image.flip_up_down(view) for view in found]
    if count > 4:
        found += [tf.image.flip_left_right(middle), middle]
        found += [tf.image.flip_up_down(view) for view in found[-2:]]
    assert len(found) == count
    return found


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_logits_of_all_views_are_averaged(trained, count):
    logs = [np.log(predictions(trained, np.array(view))) for view in views_of(IMAGES, count)]
    assert np.abs(logs[1] - logs[0]).max() > 0.1 and np.abs(logs[-1] - logs[0]).max() > 0.1
    expected = tf.nn.softmax(np.mean(logs, axis=0) / 2.0).numpy()
    model = inference.build_inference_model(trained, 2.0, count)
    np.testing.assert_allclose(predictions(model), expected, atol=1e-5)
    alone = np.concatenate([predictions(model, IMAGES[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    one_view = predictions(inference.build_inference_model(trained, 2.0))
    assert np.abs(one_view - expected).max() > 0.01


def test_a_flipped_image_gets_the_same_prediction(trained):
    model = inference.build_inference_model(trained, views=4)
    for flipped in (IMAGES[:, ::-1], IMAGES[:, :, ::-1], IMAGES[:, ::-1, ::-1]):
        np.testing.assert_allclose(predictions(model, flipped), predictions(model), atol=1e-5)


def test_the_classifier_stays_as_it_is(trained):
    before = [np.array(weight) for weight in trained.weights]
    inference.build_inference_model(trained, 2.0, 8)
    for one, other in zip(before, trained.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_in_mixed_precision_changes_no_prediction(trained):
    features = inference.feature_extractor(trained, 8).predict(IMAGES, verbose=0)
    mean = ood.unit_length(features[:1])[0]
    detector = ood.SubspaceDetector(mean, np.eye(12, 3, dtype="float32"), limit=1e-4)
    assert detector.scaling(features).min() < 0.9
    expected = predictions(inference.build_inference_model(trained, 2.0, 8, detector))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = predictions(inference.build_inference_model(trained, 2.0, 8, detector))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(found, expected)


def test_ood_images_lose_confidence_as_the_maths_says(trained):
    features = classifier.feature_extractor(trained).predict(IMAGES, verbose=0)
    mean = ood.unit_length(features[:1])[0]
    detector = ood.SubspaceDetector(mean, np.eye(12, 3, dtype="float32"), limit=1e-3)
    scaling = detector.scaling(features[1:])
    assert scaling.min() < 0.9
    found = predictions(inference.build_inference_model(trained, 2.0, ood_detector=detector))[1:]
    logits = np.log(predictions(trained)[1:])
    np.testing.assert_allclose(found, softmax(logits * scaling[:, None] / 2, axis=1), atol=1e-5)
    np.testing.assert_array_equal(found.argmax(1), predictions(trained)[1:].argmax(1))


def test_a_file_holds_all_and_another_number_of_views_changes_nothing_else(trained, tmp_path):
    features = classifier.feature_extractor(trained).predict(IMAGES, verbose=0)
    mean = ood.unit_length(features[:1])[0]
    detector = ood.SubspaceDetector(mean, np.eye(12, 3, dtype="float32"), limit=1e-3)
    models = {v: inference.build_inference_model(trained, 2.0, v, detector) for v in (1, 4)}
    inference.save(models[4], ModelMetadata(("a", "b", "c"), 16, "pad"), tmp_path / "model.keras")
    loaded = inference.load(tmp_path / "model.keras")
    np.testing.assert_allclose(predictions(loaded), predictions(models[4]), atol=1e-6)
    np.testing.assert_allclose(
        predictions(inference.with_views(loaded, 1)), predictions(models[1]), atol=1e-6
    )
    assert np.abs(predictions(models[1]) - predictions(models[4])).max() > 0.01
    found = inference.read_ood_detector(loaded)
    np.testing.assert_array_equal(found.mean, detector.mean)
    np.testing.assert_array_equal(found.basis, detector.basis)
    assert found.limit == pytest.approx(detector.limit)
    raw = classifier.load_classifier(tmp_path / "model.keras")
    np.testing.assert_array_equal(predictions(raw), predictions(trained))
    assert inference.read_ood_detector(inference.build_inference_model(trained)) is None


def test_a_kill_while_it_is_written_leaves_the_old_file(trained, tmp_path, monkeypatch):
    path, model = tmp_path / "model.keras", inference.build_inference_model(trained)
    metadata = ModelMetadata(("a", "b", "c"), 16, "pad")
    inference.save(model, metadata, path)
    before = path.read_bytes()

    def kill(self, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelMetadata, "embed", kill)
    with pytest.raises(KeyboardInterrupt):
        inference.save(model, metadata, path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["model.keras"]


def test_impossible_settings_are_refused(trained):
    with pytest.raises(ValueError, match=r"views must be one of 1, 2, 4, 8\. Received: 3"):
        inference.build_inference_model(trained, views=3)
    for temperature in (0, -1, np.nan):
        with pytest.raises(ValueError, match="must be above 0"):
            inference.build_inference_model(trained, temperature)
