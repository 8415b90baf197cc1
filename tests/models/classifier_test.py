import keras
import numpy as np
import pytest

from trash_keras.models import backbones, classifier

IMAGES = np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 3)).astype("float32")
LABELS = np.eye(3)[np.arange(8) % 3]


def build(toy_backbone, **options):
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    return classifier.build(backbone, 3, scaling=scaling, **options)


def moving_statistics(model):
    return [
        weight
        for layer in model.get_layer(classifier.BACKBONE).layers
        if isinstance(layer, keras.layers.BatchNormalization)
        for weight in (np.array(layer.moving_mean), np.array(layer.moving_variance))
    ]


def train_once(model):
    model.compile(keras.optimizers.AdamW(0.01), "categorical_crossentropy")
    model.fit(IMAGES, LABELS, verbose=0)


def test_head_and_extractor_are_the_classifier(toy_backbone):
    model = build(toy_backbone, dropout=0.5)
    features = classifier.feature_extractor(model).predict(IMAGES, verbose=0)
    predictions = classifier.head(model).predict(features, verbose=0)
    np.testing.assert_allclose(predictions, model.predict(IMAGES, verbose=0), atol=1e-6)
    np.testing.assert_allclose(predictions.sum(axis=1), 1, atol=1e-6)


def test_fine_tuning_leaves_batch_norm_in_inference_mode(toy_backbone):
    model = build(toy_backbone)
    classifier.unfreeze(model, 1.0)
    no_dropout = build(toy_backbone)
    before, kernel = moving_statistics(model), np.array(model.trainable_variables[0])
    train_once(model)
    for one, other in zip(before, moving_statistics(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(kernel, model.trainable_variables[0])
    train_once(no_dropout)  # never unfrozen by us, so as from scratch: here they do move
    assert not np.allclose(before[0], moving_statistics(no_dropout)[0])


@pytest.mark.parametrize(("share", "trained"), [(0.0, 2), (0.4, 4), (1.0, 5)])
def test_the_top_share_is_unfrozen(toy_backbone, share, trained):
    model = build(toy_backbone)
    classifier.unfreeze(model, share)
    assert len(model.trainable_variables) == trained


def test_from_scratch_the_stored_statistics_follow_within_some_steps(toy_backbone):
    model = build(toy_backbone)
    classifier.cap_batch_norm_momentum(model)
    model.compile(keras.optimizers.AdamW(0.01), "categorical_crossentropy")
    model.fit(IMAGES, LABELS, epochs=60, verbose=0)
    layer = model.get_layer(classifier.BACKBONE).layers[3]
    assert isinstance(layer, keras.layers.BatchNormalization) and layer.momentum == 0.9
    before = keras.Model(model.get_layer(classifier.BACKBONE).input, layer.input)
    variance = np.var(before.predict(IMAGES, verbose=0), axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=0.3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_ends_in_float32(toy_backbone, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(toy_backbone)
        assert model.get_layer(classifier.BACKBONE).layers[2].compute_dtype == policy[6:]
        assert model.output.dtype == "float32"
        plain = classifier.in_float32(model)
    finally:
        keras.config.set_dtype_policy("float32")
    layers = plain.get_layer(classifier.BACKBONE).layers
    assert {layer.compute_dtype for layer in layers[1:]} == {"float32"}
    difference = plain.predict(IMAGES, verbose=0) - model.predict(IMAGES, verbose=0)
    assert np.abs(difference).max() < 0.05
    assert classifier.in_float32(plain) is plain
