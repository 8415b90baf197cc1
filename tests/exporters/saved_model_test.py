import dataclasses
import io
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.export import check_export, write_export
from trash_keras.exporters import saved_model
from trash_keras.metadata import ModelMetadata, is_unsure
from trash_keras.predictor import Prediction, Predictor

METADATA = ModelMetadata(("blue", "green", "red"), 16, "pad")


@pytest.fixture(scope="module")
def exported(classifier, spec, tmp_path_factory):
    """What is exported, and the folder of its versions."""
    plain = dataclasses.replace(spec, model=classifier, metadata=METADATA)
    return plain, write_export("saved_model", plain, tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="module")
def folder(exported):
    return exported[1]


@pytest.fixture(scope="module")
def version(folder):
    return folder / "1"


@pytest.fixture(scope="module")
def loaded(version):
    return tf.saved_model.load(str(version))


def encode(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def test_the_signatures_have_the_documented_names_types_and_shapes(loaded):
    found = {
        name: (signature.structured_input_signature[1], signature.structured_outputs)
        for name, signature in loaded.signatures.items()
    }
    image = tf.TensorSpec((None, 16, 16, 3), tf.float32, name="image")
    one = tf.TensorSpec((1, 16, 16, 3), tf.float32, name="image")
    probabilities = tf.TensorSpec((None, 3), tf.float32, name="probabilities")
    predictions = {
        "probabilities": probabilities,
        "class_names": tf.TensorSpec((None, 3), tf.string, name="class_names"),
        "label": tf.TensorSpec((None,), tf.string, name="label"),
        "probability": tf.TensorSpec((None,), tf.float32, name="probability"),
        "unsure": tf.TensorSpec((None,), tf.bool, name="unsure"),
        "candidate": tf.TensorSpec((None, 3), tf.bool, name="candidate"),
    }
    assert found == {
        "serving_default": ({"image": image}, {"probabilities": probabilities}),
        "serve_one": (
            {"image": one},
            {"probabilities": tf.TensorSpec((1, 3), tf.float32, name="probabilities")},
        ),
        "serve_bytes": (
            {"encoded": tf.TensorSpec((None,), tf.string, name="encoded")}, predictions
        ),
    }  # fmt: skip


def test_each_signature_predicts_as_in_inference_mode(loaded, classifier, training_mode, images):
    serve = loaded.signatures["serving_default"]
    predictions = serve(tf.constant(images))["probabilities"].numpy()
    np.testing.assert_allclose(predictions, classifier(images, training=False), atol=1e-5)
    assert np.abs(predictions - training_mode).max() > 0.05
    for signature in ("serving_default", "serve_one"):
        alone = loaded.signatures[signature](tf.constant(images[:1]))["probabilities"].numpy()
        np.testing.assert_allclose(alone, predictions[:1], atol=1e-5)


def test_predictions_are_those_of_inference_mode(exported, images):
    check_export("saved_model", exported[1], exported[0], images)


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
        METADATA.class_names[index] for index in expected.argmax(axis=1)
    ]
    assert served["class_names"].numpy().tolist() == [[b"blue", b"green", b"red"]] * 2
    np.testing.assert_array_equal(
        served["probability"], served["probabilities"].numpy().max(axis=1)
    )
    assert served["unsure"].numpy().tolist() == [False, False]


def test_bytes_give_the_same_prediction_as_files(folder, loaded, data_dir):
    files = sorted(str(path) for path in data_dir.rglob("*.png"))[::7]
    contents = [tf.io.read_file(file).numpy() for file in files]
    served = loaded.signatures["serve_bytes"](tf.constant(contents))
    predictions = list(Predictor.load(folder).predict_stream(files))
    for prediction, row, label in zip(
        predictions, served["probabilities"], served["label"], strict=True
    ):
        np.testing.assert_allclose(row, list(prediction.probabilities.values()), atol=1e-5)
        assert label.numpy().decode() == prediction.top_k(1)[0][0]


@pytest.mark.parametrize("threshold", [0, 0.625, float(np.nextafter(np.float32(0.625), 1)), 1])
@pytest.mark.parametrize("last", [0.5, 0.625, float(np.nextafter(1, 0)), 1])
def test_the_graph_is_as_unsure_as_python(threshold, last):
    rows = np.array([[0.375, 0.625, 0], [1, 0, 0], [last, 1 - last, 0]], np.float32)
    metadata = dataclasses.replace(METADATA, threshold=threshold)
    outputs = saved_model._outputs(tf.constant(rows), metadata)
    expected = is_unsure(rows.max(axis=1), threshold)
    assert outputs["unsure"].numpy().tolist() == expected.tolist()
    labels = [Prediction.from_row(row, metadata).label for row in rows]
    assert [label.decode() for label in outputs["label"].numpy()] == labels
    for row, marked in zip(rows, outputs["candidate"].numpy(), strict=True):
        candidates = {name for name, _ in Prediction.from_row(row, metadata).candidates}
        assert set(np.array(METADATA.class_names)[marked]) == candidates


def test_up_to_the_threshold_the_prediction_is_unsure(loaded, exported, images, tmp_path):
    files = tf.constant([encode(image.astype(np.uint8)) for image in images])
    found = loaded.signatures["serve_bytes"](files)["probability"].numpy()
    threshold = float(np.sort(found)[2:4].mean())
    metadata = dataclasses.replace(METADATA, threshold=threshold)
    saved_model.write(dataclasses.replace(exported[0], metadata=metadata), tmp_path)
    doubtful = tf.saved_model.load(str(tmp_path / "1"))
    served = doubtful.signatures["serve_bytes"](files)
    assert served["unsure"].numpy().tolist() == (found <= threshold).tolist()
    assert served["unsure"].numpy().sum() == 3
    np.testing.assert_array_equal(served["label"].numpy() == b"unsure", served["unsure"])


def test_the_metadata_is_inside_and_the_weights_only_once(folder, version, classifier):
    assert ModelMetadata.read(folder) == ModelMetadata.read(version) == METADATA
    assert (version / "assets.extra" / "labels.txt").read_text() == "blue\ngreen\nred\n"
    names = [name for name, _ in tf.train.list_variables(str(version / "variables" / "variables"))]
    stored = [name for name in names if "VARIABLE_VALUE" in name]
    assert 0 < len(stored) <= len(classifier.variables)


def test_the_newest_version_predicts(folder, images, tmp_path):
    """A server's folder of models, where 10 is newer than 9."""
    for number in ("9", "10"):
        shutil.copytree(folder / "1", tmp_path / number)
    newest = dataclasses.replace(METADATA, threshold=0.25)
    newest.embed(tmp_path / "10")
    (tmp_path / "notes").mkdir()
    found = Predictor.load(tmp_path)
    assert found.metadata == newest and ModelMetadata.read(tmp_path / "9") == METADATA
    shutil.rmtree(tmp_path / "9")
    np.testing.assert_array_equal(
        found.predict_batch(images), Predictor.load(folder / "1").predict_batch(images)
    )
