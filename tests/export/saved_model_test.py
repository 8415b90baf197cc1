import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trash_keras import prediction
from trash_keras.contract import Contract
from trash_keras.export import saved_model
from trash_keras.prediction import Predictor

CONTRACT = Contract(("blue", "green", "red"), 16, "pad")


@pytest.fixture(scope="module")
def folder(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "saved_model"
    saved_model.write(classifier, CONTRACT, path)
    return path


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


def encode(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def test_there_are_two_signatures_with_documented_names_types_and_shapes(loaded):
    assert set(loaded.signatures) == {"serving_default", "serve_bytes"}
    serve, serve_bytes = loaded.signatures["serving_default"], loaded.signatures["serve_bytes"]
    inputs = [signature.structured_input_signature[1] for signature in (serve, serve_bytes)]
    assert inputs == [
        {"image": tf.TensorSpec((None, 16, 16, 3), tf.float32, name="image")},
        {"encoded": tf.TensorSpec((None,), tf.string, name="encoded")},
    ]
    for signature in (serve, serve_bytes):
        probabilities = signature.structured_outputs["probabilities"]
        assert (probabilities.shape.as_list(), probabilities.dtype) == ([None, 3], tf.float32)
    assert set(serve.structured_outputs) == {"probabilities"}
    assert set(serve_bytes.structured_outputs) == {"probabilities", "label"}
    label = serve_bytes.structured_outputs["label"]
    assert (label.shape.as_list(), label.dtype) == ([None], tf.string)


def test_answers_are_those_of_inference_mode(loaded, classifier, images):
    serve = loaded.signatures["serving_default"]
    answers = serve(tf.constant(images))["probabilities"].numpy()
    np.testing.assert_allclose(answers, classifier(images, training=False), atol=1e-5)
    assert np.abs(answers - classifier(images, training=True)).max() > 0.05
    alone = serve(tf.constant(images[:1]))["probabilities"].numpy()
    np.testing.assert_allclose(alone, answers[:1], atol=1e-5)


def test_bytes_are_decoded_resized_and_labelled(loaded, classifier):
    """A wide JPEG and a grey PNG in one batch; pad keeps proportions and adds grey bars."""
    wide = np.full((8, 16, 3), (220, 30, 30), np.uint8)
    grey = np.random.default_rng(1).integers(0, 256, (16, 16), np.uint8)
    encoded = tf.constant([encode(wide), encode(grey)])
    served = loaded.signatures["serve_bytes"](encoded)
    as_rgb = np.repeat(grey[..., None], 3, axis=-1)
    bars = np.concatenate([np.full((4, 16, 3), 128), wide, np.full((4, 16, 3), 128)])
    expected = classifier(np.stack([bars, as_rgb]).astype("float32"), training=False).numpy()
    np.testing.assert_allclose(served["probabilities"], expected, atol=0.01)
    assert [label.decode() for label in served["label"].numpy()] == [
        CONTRACT.class_names[index] for index in expected.argmax(axis=1)
    ]


def test_bytes_give_the_same_answer_as_files(folder, loaded, data_dir):
    files = sorted(str(path) for path in data_dir.rglob("*.png"))[::7]
    contents = [tf.io.read_file(file).numpy() for file in files]
    served = loaded.signatures["serve_bytes"](tf.constant(contents))
    answers = list(prediction.classify(Predictor.load(folder), files))
    for answer, row, label in zip(answers, served["probabilities"], served["label"], strict=True):
        np.testing.assert_allclose(row, list(answer.probabilities.values()), atol=1e-5)
        assert label.numpy().decode() == answer.ranked()[0][0]


def test_the_contract_lies_inside_and_the_weights_only_once(folder, classifier):
    assert Contract.read(folder) == CONTRACT
    assert (folder / "assets.extra" / "labels.txt").read_text() == "blue\ngreen\nred\n"
    names = [name for name, _ in tf.train.list_variables(str(folder / "variables" / "variables"))]
    stored = [name for name in names if "VARIABLE_VALUE" in name]
    assert 0 < len(stored) <= len(classifier.variables)
