"""A SavedModel is a program: it runs by itself only if all that it does is compute."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.hostile_models import SIDE, write_file, write_saved_model
from trash_keras.exporters import model_info, saved_model
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.models import inference
from trash_keras.predictor import Predictor
from trash_keras.scanning.saved_model import foreign_operations

IMAGES = np.full((2, SIDE, SIDE, 3), 100, np.uint8)


def keep_images(module, image):
    if not hasattr(module, "kept"):
        module.kept = tf.Variable(tf.zeros((1, SIDE, SIDE, 3)))
    module.kept.assign(image[:1])


def loop_forever(module, image):
    tf.while_loop(lambda x: tf.reduce_sum(x) > -1, lambda x: (x,), (image * 0,))


def keep_a_table(module, image):
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a"], [1]), default_value=0
    )
    module.table.lookup(tf.constant(["a"]))


EFFECTS = {
    "WriteFile": write_file("/nowhere/x"),
    "ReadFile": lambda module, image: tf.io.read_file("/etc/passwd"),
    "AssignVariableOp": keep_images,
    "EagerPyFunc|PyFunc": lambda module, image: tf.py_function(print, [image], []),
    "PrintV2": lambda module, image: tf.print(image),
    "StatelessWhile|While": loop_forever,
    "LookupTableFindV2": keep_a_table,
    "SaveV2": lambda module, image: tf.raw_ops.SaveV2(
        prefix="/nowhere/x", tensor_names=["x"], shape_and_slices=[""], tensors=[image]
    ),
}


@pytest.mark.parametrize("operation", EFFECTS)
def test_what_does_more_than_compute_is_refused(tmp_path, operation):
    path = write_saved_model(tmp_path / "model", EFFECTS[operation])
    with pytest.raises(ValueError, match=rf"is a program, .*\b({operation})\b.*--trust_model"):
        Predictor.load(path)


def test_trusted_it_runs_after_its_operations_were_named(tmp_path, capsys):
    path = write_saved_model(tmp_path / "model", write_file(tmp_path / "made"))
    with pytest.raises(ValueError, match="WriteFile"):
        Predictor.load(path)
    assert not (tmp_path / "made").exists()
    predictor = Predictor.load(path, trust_model=True)
    assert "is a program that runs with your rights" in (said := capsys.readouterr().err)
    assert "WriteFile" in said and said.count("\n") == 1
    assert predictor.predict_batch(IMAGES).shape == (2, 3)
    assert (tmp_path / "made").read_text() == "written"


def test_a_function_that_no_signature_calls_is_looked_at_too(tmp_path):
    def effect(module, image):
        @tf.function(input_signature=[])
        def later():
            tf.io.write_file("/nowhere/x", "x")

        module.later = later

    path = write_saved_model(tmp_path / "model", effect)
    assert "WriteFile" in foreign_operations(path)


def test_other_files_are_not_trusted(good):
    with pytest.raises(ValueError, match="--trust_model takes a SavedModel folder"):
        Predictor.load(good / "model.tflite", trust_model=True)


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_only_the_file_that_was_looked_at_is_loaded(good, tmp_path, name):
    path = write_saved_model(tmp_path / "model", lambda module, image: None)
    (path / name).write_bytes(b"")
    with pytest.raises(ValueError, match="it holds saved_model"):
        Predictor.load(path)


def test_a_damaged_graph_is_refused(tmp_path):
    path = write_saved_model(tmp_path / "model", lambda module, image: None)
    graph = path / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cannot be loaded: .*saved_model.pb is damaged"):
        Predictor.load(path)


def test_what_this_package_exports_needs_no_trust(good, tmp_path):
    metadata = ModelMetadata.read(good / "model.keras")
    spec = ExportSpec(
        inference.load(good / "model.keras"), metadata, model_info.ModelInfo("", "", "", {}), list
    )
    saved_model.write(spec, tmp_path / "saved_model")
    assert foreign_operations(tmp_path / "saved_model" / saved_model.VERSION) == []
