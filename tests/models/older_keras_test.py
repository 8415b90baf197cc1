"""A `.keras` file holds nothing that an older Keras 3 would refuse without need."""

import json
import zipfile

import keras
import numpy as np
import pytest

from trash_keras.metadata import ModelMetadata
from trash_keras.models import inference
from trash_keras.models.older_keras import NEWER, leave_out_newer

METADATA = ModelMetadata(("a", "b"), 32, "stretch")


def settings(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def configurations(value):
    """Yields (class name, arguments) of everything in a configuration."""
    if isinstance(value, list):
        for each in value:
            yield from configurations(each)
    if isinstance(value, dict):
        if isinstance(value.get("config"), dict) and "class_name" in value:
            yield value["class_name"], value["config"]
        for each in value.values():
            yield from configurations(each)


@pytest.mark.parametrize("views", [1, 2, 8])
def test_a_saved_classifier_has_no_newer_argument_and_predicts_the_same(views, tmp_path, squares):
    model, images, _, _ = squares
    built = inference.build_inference_model(model, 1.3, views)
    path = tmp_path / "model.keras"
    inference.save(built, METADATA, path)
    found = list(configurations(settings(path)))
    assert len(found) > 10
    assert not [(kind, key) for kind, values in found for key in values if key in NEWER]
    layers = settings(path)["config"]["layers"]
    named = [each for each in layers if each["module"].startswith("keras.src.ops")]
    assert not [each for each in named if "name" in each["config"]]
    assert ModelMetadata.read(path) == METADATA
    batch = images.astype("float32")
    np.testing.assert_array_equal(
        inference.load(path).predict_on_batch(batch), built.predict_on_batch(batch)
    )
    assert inference.with_views(inference.load(path), 2).output_shape == (None, 2)


def test_what_is_used_of_the_newer_arguments_stays(tmp_path):
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(renorm=True, renorm_momentum=0.9)(image)
    x = keras.layers.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=7.0)(x)
    path = tmp_path / "own.keras"
    keras.Model(image, x).save(path)
    leave_out_newer(path)
    kept = dict(configurations(settings(path)))
    assert kept["BatchNormalization"]["renorm"] is True
    assert kept["BatchNormalization"]["renorm_momentum"] == 0.9
    assert kept["Resizing"]["fill_value"] == 7.0 and kept["Resizing"]["pad_to_aspect_ratio"]
    assert keras.models.load_model(path).layers[2].fill_value == 7.0


def test_weights_and_other_entries_are_the_same_bytes(tmp_path, squares):
    model, _, _, _ = squares
    path = tmp_path / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    leave_out_newer(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        after = {name: archive.read(name) for name in archive.namelist()}
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"config.json", "metadata.json"} and b"date_saved" in before["metadata.json"]
    assert b"date_saved" not in after["metadata.json"]
    assert list(tmp_path.iterdir()) == [path]


def test_defaults_that_are_left_out_are_keras_own():
    """What is left out must come back as it was."""
    checked = set()
    made = (
        keras.layers.BatchNormalization(), keras.layers.Dense(1), keras.layers.Resizing(1, 1),
        keras.layers.InputLayer((1,)), keras.initializers.GlorotUniform(),
    )  # fmt: skip
    for each in made:
        for key, value in each.get_config().items():
            if key in NEWER:
                assert value in NEWER[key], (type(each).__name__, key)
                checked.add(key)
    assert checked == set(NEWER)
