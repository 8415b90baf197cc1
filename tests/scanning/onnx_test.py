"""An `.onnx` file from elsewhere is looked at before ONNX Runtime opens it."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.support.hostile_models import METADATA, write_onnx
from trash_keras.predictor import Predictor


def refused(path, reason):
    with pytest.raises(ValueError, match=reason):
        Predictor.load(path)


def test_a_good_file_predicts(good):
    images = np.full((2, 16, 16, 3), 100, np.uint8)
    assert Predictor.load(good / "model.onnx").predict_batch(images).shape == (2, 3)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "weights.bin"])
def test_weights_in_another_file_are_refused(tmp_path, location):
    (tmp_path / "secret").write_bytes(bytes(12))
    weights = numpy_helper.from_array(np.ones(3, np.float32), "w")
    onnx.external_data_helper.set_external_data(weights, location, length=12)
    weights.ClearField("raw_data")
    refused(write_onnx(tmp_path / "a.onnx", initializer=[weights]), "lie in another file")
    constant = helper.make_node("Constant", [], ["c"], value=weights)
    refused(write_onnx(tmp_path / "b.onnx", constant), "lie in another file")


def branch(name):
    output = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(name, ["image"], ["x"])], "inner", [], [output])


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (helper.make_node("Loop", ["", "", "image"], ["y"], body=branch("Identity")), "Loop"),
        (helper.make_node("If", ["image"], ["y"], then_branch=branch("Abs")), "If"),
        (helper.make_node("Abs", ["image"], ["y"], hidden=branch("Abs")), "Abs"),
        (helper.make_node("Anything", ["image"], ["y"], domain="com.example"), "com.example"),
        (helper.make_node("NoSuchOperator", ["image"], ["y"]), "cannot be loaded"),
    ],
)
def test_operators_are_those_of_onnx_and_run_once(tmp_path, node, reason):
    refused(write_onnx(tmp_path / "model.onnx", node, domains=["com.example"]), reason)


def constant(name, values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


@pytest.mark.parametrize(
    ("kind", "inputs", "values"),
    [
        ("ConstantOfShape", ["n"], [100_000, 100_000]),
        ("Expand", ["one", "n"], [100_000, 100_000]),
        ("Tile", ["one", "n"], [10**10]),
    ],
)
def test_what_is_made_of_a_number_is_bounded(tmp_path, kind, inputs, values):
    weights = [constant("n", values), constant("one", [1])]
    node = helper.make_node(kind, inputs, ["made"])
    refused(write_onnx(tmp_path / "a.onnx", node, initializer=weights), "values for one image")
    # A number that is computed from the pixels.
    wide = [constant("flat", [-1]), constant("one", [1])]
    pixels = helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.INT64)
    flat = helper.make_node("Reshape", ["pixels", "flat"], ["n"])
    path = write_onnx(tmp_path / "b.onnx", pixels, flat, node, initializer=wide)
    refused(path, "cannot be told|cannot be loaded")


def test_functions_of_its_own_are_refused(good, tmp_path):
    model = onnx.load(good / "model.onnx")
    body = [helper.make_node("Abs", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], body, opsets))
    onnx.save(model, tmp_path / "model.onnx")
    refused(tmp_path / "model.onnx", "functions")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_file_that_was_cut_short_is_refused(good, tmp_path, share):
    content = (good / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(content[: int(len(content) * share)])
    refused(tmp_path / "model.onnx", "not a model of this project|cannot be loaded|is wrong")


def test_metadata_is_read_without_a_session(good, monkeypatch):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    from trash_keras.metadata import ModelMetadata

    assert ModelMetadata.read(good / "model.onnx") == METADATA
