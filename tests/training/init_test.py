"""Going on from a trained model with --init."""

import json
import shutil

import keras
import numpy as np
import pytest

from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import backbones, classifier
from trash_keras.training import trainer
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.trainer import train_and_evaluate

IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
COLOURS = ("blue", "green", "red")


@pytest.fixture
def source(trained):
    return trained[0] / "model.keras"


def predicted(model):
    return model.predict(IMAGES, verbose=0)


def head(model):
    return model.get_layer(classifier.LOGITS).get_weights()


def test_the_same_classes_in_another_order_predict_the_same(source):
    found = classifier.continue_from(source, ("red", "blue", "green"), 16)
    expected = predicted(classifier.load_classifier(source))
    np.testing.assert_allclose(predicted(found), expected[:, [2, 0, 1]], atol=1e-6)
    assert all(layer.trainable for layer in found.get_layer("backbone").layers)


def test_classes_that_both_have_are_kept_and_others_drawn_by_the_seed(source):
    names = ("amber", "green", "blue", "violet")
    found = []
    for seed in (5, 5, 6):
        keras.utils.set_random_seed(seed)
        found.append(classifier.continue_from(source, names, 16))
    kernel, bias = head(found[0])
    old_kernel, old_bias = head(classifier.load_classifier(source))
    np.testing.assert_array_equal(kernel[:, [1, 2]], old_kernel[:, [1, 0]])
    np.testing.assert_array_equal(bias[[1, 2]], old_bias[[1, 0]])
    assert bias[[0, 3]].tolist() == [0, 0] and np.abs(kernel[:, [0, 3]]).max() > 0
    np.testing.assert_array_equal(kernel, head(found[1])[0])
    assert np.abs(kernel - head(found[2])[0])[:, [0, 3]].max() > 1e-3


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_another_size_and_precision_keep_the_weights(source, policy):
    keras.config.set_dtype_policy(policy)
    try:
        found = classifier.continue_from(source, COLOURS, 32)
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.input_shape == (None, 32, 32, 3)
    layers = [layer for layer in found.get_layer("backbone").layers if layer.weights]
    assert {layer.compute_dtype for layer in layers} == {policy.removeprefix("mixed_")}
    expected = classifier.load_classifier(source).get_weights()
    for one, other in zip(found.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_scaling_of_its_own_is_kept(tmp_path):
    scaling, backbone = backbones.build("MobileNet", "none", 32)
    model = classifier.build(backbone, 3, scaling=scaling)
    trainer.save_model(model, ModelMetadata(COLOURS, 32, "stretch"), tmp_path)
    found = classifier.continue_from(tmp_path / "model.keras", COLOURS, 32)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(found.predict(images, verbose=0), expected, atol=1e-6)


def test_without_epochs_it_is_as_good_as_its_source(trained, source, configure, tmp_path):
    workdir, data, report = trained
    # The backbone that the flags name by default, and weights of none, count for nothing.
    config = configure(
        data, "ResNet50", weights="none", init=str(source), head_epochs=0, finetune_epochs=0
    )
    found = train_and_evaluate(config, tmp_path / "run")
    for split in ("valid", "test"):
        assert found[split]["accuracy"] == report[split]["accuracy"]
        mine, theirs = (
            Predictions.load(run / "predictions" / f"{split}.csv").probabilities
            for run in (tmp_path / "run", workdir)
        )
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert not (tmp_path / "run" / "metrics.csv").exists()
    assert "best_epoch" not in found["run"] and len(found["run"]["init_sha256"]) == 64
    assert "model.keras" in (tmp_path / "run" / "MODEL_CARD.md").read_text()


def test_both_phases_train_on_from_it(trained, source, configure, tmp_path):
    config = configure(
        trained[1], "ResNet50", init=str(source), head_epochs=1, finetune_epochs=1,
        head_learning_rate=1e-3,
    )  # fmt: skip
    report = train_and_evaluate(config, tmp_path / "run")
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["head", "finetune"]
    assert report["test"]["accuracy"] > 0.9  # a new head is nowhere near after so little


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_killed_run_goes_on_without_its_source(
    trained, source, configure, tmp_path, monkeypatch, change
):
    init = shutil.copy(source, tmp_path / "init.keras")
    config = configure(trained[1], "ResNet50", init=str(init), head_epochs=1, finetune_epochs=2)
    train_and_evaluate(config, tmp_path / "whole")
    add, done = CheckpointManager.add, []

    def kill(self, phase, model, row):
        add(self, phase, model, row)
        done.append(row)
        if len(done) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CheckpointManager, "add", kill)
        train_and_evaluate(config, tmp_path / "broken")
    if change == "gone":
        init.unlink()
    else:
        init.write_bytes(b"something else")
    train_and_evaluate(config, tmp_path / "broken")
    one, other = (
        [line.split(",") for line in (tmp_path / run / "metrics.csv").read_text().splitlines()[1:]]
        for run in ("whole", "broken")
    )
    assert [row[:2] for row in one] == [row[:2] for row in other]
    found = [np.array([row[2:] for row in rows], float) for rows in (one, other)]
    np.testing.assert_allclose(*found, atol=1e-5)
    assert not (tmp_path / "broken" / "backup").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.keras", "^There is no model at .*gone.keras"),
        (
            "model.tflite",
            "^--init takes the model.keras of a run.*model.tflite, an exported classifier",
        ),
        ("toy", "^--init takes the model.keras of a run.*toy.keras, a Keras model that is no"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    trained, source, configure, toy_backbone, tmp_path, name, message
):
    init = toy_backbone if name == "toy" else tmp_path / name
    if name == "model.tflite":
        shutil.copy(source, init)
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(configure(trained[1], "ResNet50", init=str(init)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flag", ["backbone", "weights"])
def test_a_trained_classifier_is_no_backbone_and_no_weights(source, toy_backbone, flag):
    values = {"backbone": str(toy_backbone), "weights": "imagenet", flag: str(source)}
    message = rf"^--{flag} takes no trained classifier; to go on from one: --init=.*model.keras"
    with pytest.raises(ValueError, match=message):
        backbones.build(values["backbone"], values["weights"], 16)


@pytest.mark.parametrize("apart", [False, True])
def test_any_other_classifier_is_no_backbone_either(tmp_path, apart):
    image = keras.Input((16, 16, 3))
    dense = keras.layers.Dense(3, activation=None if apart else "softmax")
    x = dense(keras.layers.GlobalAveragePooling2D()(image))
    keras.Model(image, keras.layers.Softmax()(x) if apart else x).save(tmp_path / "top.keras")
    with pytest.raises(ValueError, match=r"must return features\. Received: a classifier"):
        backbones.build(str(tmp_path / "top.keras"), "imagenet", 16)


def test_a_source_that_was_trained_on_test_images_is_refused(trained, source, configure, tmp_path):
    config = configure(trained[1], "ResNet50", init=str(source), seed=1)
    with pytest.raises(ValueError, match=r"model of --init was trained on \d+ images of this"):
        train_and_evaluate(config, tmp_path / "run")
    # Of another folder, the same names may be other images.
    data = shutil.copytree(trained[1], tmp_path / "data")
    config = configure(data, "ResNet50", init=str(source), seed=1, head_epochs=1, finetune_epochs=0)
    assert json.loads(json.dumps(train_and_evaluate(config, tmp_path / "run")["test"]))
