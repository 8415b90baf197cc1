import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from trash_keras.contract import Contract
from trash_keras.evaluation import answering as maths
from trash_keras.evaluation import novelty
from trash_keras.modeling import answering, backbones, classifier

GENERATOR = np.random.default_rng(0)
# Slopes of brightness and crosses: each view of one is another picture.
PICTURES = np.cumsum(GENERATOR.uniform(0, 2, (5, 16, 16, 3)), axis=1)
PICTURES = np.cumsum(PICTURES, axis=2).astype("float32") % 256


@pytest.fixture(scope="module")
def trained(toy_backbone):
    keras.utils.set_random_seed(3)
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    model = classifier.build(backbone, 3, scaling=scaling, dropout=0.5)
    head = model.get_layer(classifier.LOGITS)
    features = classifier.feature_extractor(model).predict(PICTURES, verbose=0)
    kernel = 30 * head.get_weights()[0]
    head.set_weights([kernel, -features.mean(axis=0) @ kernel])  # answers that differ
    return model


def answers(model, pictures=PICTURES):
    return model.predict(pictures, verbose=0)


def test_by_default_it_answers_as_the_classifier_in_inference_mode(trained):
    model = answering.build_inference_model(trained)
    assert model.output_shape == (None, 3) and model.output.dtype == "float32"
    np.testing.assert_allclose(answers(model), answers(trained), atol=1e-6)
    np.testing.assert_allclose(model(PICTURES), answers(trained), atol=1e-6)
    assert np.abs(trained(PICTURES, training=True) - answers(trained)).max() > 0.01


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_divides_the_logits(trained, temperature):
    model = answering.build_inference_model(trained, temperature)
    expected = maths.tempered(answers(trained), temperature)
    np.testing.assert_allclose(answers(model), expected, atol=1e-5)
    assert np.abs(expected - answers(trained)).max() > 0.05
    # The quantizer meets nothing that is hard to quantize.
    assert [layer.__class__.__name__ for layer in model.layers] == [
        "InputLayer", "Functional", "Rescaling", "Softmax"
    ]  # fmt: skip


def views_of(pictures, count):
    """The views as the documentation tells them, with TensorFlow's own functions."""
    middle = tf.image.resize(pictures[:, 1:15, 1:15], (16, 16))
    found = [pictures, tf.image.flip_left_right(pictures)][:count]
    if count > 2:
        found += [tf.image.flip_up_down(view) for view in found]
    if count > 4:
        found += [tf.image.flip_left_right(middle), middle]
        found += [tf.image.flip_up_down(view) for view in found[-2:]]
    assert len(found) == count
    return found


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_logits_of_all_views_are_averaged(trained, count):
    logs = [np.log(answers(trained, np.array(view))) for view in views_of(PICTURES, count)]
    assert np.abs(logs[1] - logs[0]).max() > 0.1 and np.abs(logs[-1] - logs[0]).max() > 0.1
    expected = tf.nn.softmax(np.mean(logs, axis=0) / 2.0).numpy()
    model = answering.build_inference_model(trained, 2.0, count)
    np.testing.assert_allclose(answers(model), expected, atol=1e-5)
    alone = np.concatenate([answers(model, PICTURES[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    assert np.abs(answers(answering.build_inference_model(trained, 2.0)) - expected).max() > 0.01


def test_a_flipped_picture_gets_the_same_answer(trained):
    model = answering.build_inference_model(trained, views=4)
    for flipped in (PICTURES[:, ::-1], PICTURES[:, :, ::-1], PICTURES[:, ::-1, ::-1]):
        np.testing.assert_allclose(answers(model, flipped), answers(model), atol=1e-5)


def test_the_classifier_stays_as_it_is(trained):
    before = [np.array(weight) for weight in trained.weights]
    answering.build_inference_model(trained, 2.0, 8)
    for one, other in zip(before, trained.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_in_mixed_precision_changes_no_answer(trained):
    expected = answers(answering.build_inference_model(trained, 2.0, 8))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = answers(answering.build_inference_model(trained, 2.0, 8))
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(found, expected)


def test_novel_pictures_lose_confidence_as_the_maths_says(trained):
    features = classifier.feature_extractor(trained).predict(PICTURES, verbose=0)
    known = novelty.Novelty(features[0], np.eye(12, 3, dtype="float32"), limit=0.3)
    damping = known.damping(features[1:])
    assert damping.min() < 0.9
    found = answers(answering.build_inference_model(trained, 2.0, novelty=known))[1:]
    logits = np.log(answers(trained)[1:])
    np.testing.assert_allclose(found, softmax(logits * damping[:, None] / 2, axis=1), atol=1e-5)
    np.testing.assert_array_equal(found.argmax(1), answers(trained)[1:].argmax(1))


def test_a_file_holds_all_and_another_number_of_views_changes_nothing_else(trained, tmp_path):
    features = classifier.feature_extractor(trained).predict(PICTURES, verbose=0)
    known = novelty.Novelty(features[0], np.eye(12, 3, dtype="float32"), limit=0.3)
    models = {v: answering.build_inference_model(trained, 2.0, v, known) for v in (1, 4)}
    answering.save(models[4], Contract(("a", "b", "c"), 16, "pad"), tmp_path / "model.keras")
    loaded = answering.load(tmp_path / "model.keras")
    np.testing.assert_allclose(answers(loaded), answers(models[4]), atol=1e-6)
    np.testing.assert_allclose(
        answers(answering.with_views(loaded, 1)), answers(models[1]), atol=1e-6
    )
    assert np.abs(answers(models[1]) - answers(models[4])).max() > 0.01
    found = answering.read_novelty(loaded)
    np.testing.assert_array_equal(found.mean, known.mean)
    np.testing.assert_array_equal(found.basis, known.basis)
    assert found.limit == pytest.approx(known.limit)
    raw = classifier.load_classifier(tmp_path / "model.keras")
    np.testing.assert_array_equal(answers(raw), answers(trained))
    assert answering.read_novelty(answering.build_inference_model(trained)) is None


def test_a_kill_while_it_is_written_leaves_the_old_file(trained, tmp_path, monkeypatch):
    path, model = tmp_path / "model.keras", answering.build_inference_model(trained)
    contract = Contract(("a", "b", "c"), 16, "pad")
    answering.save(model, contract, path)
    before = path.read_bytes()

    def kill(self, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(Contract, "embed", kill)
    with pytest.raises(KeyboardInterrupt):
        answering.save(model, contract, path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_what_cannot_be_is_refused(trained):
    with pytest.raises(ValueError, match=r"views must be one of 1, 2, 4, 8\. Received: 3"):
        answering.build_inference_model(trained, views=3)
    for temperature in (0, -1, np.nan):
        with pytest.raises(ValueError, match="must be above 0"):
            answering.build_inference_model(trained, temperature)
