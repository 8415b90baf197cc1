import copy
import dataclasses
import json
import zipfile

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import (
    BuiltinOperator,
    Model,
    ModelT,
    TensorType,
)

from tests.support.export import check_export, write_export
from trash_keras.exporters import quantization, tflite, tflite_graph
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

FORMATS = ("float32", "float16", "dynamic", "int8")


@pytest.fixture(scope="module")
def written(spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return {name: write_export(name, spec, folder) for name in FORMATS}


def ends(path):
    interpreter = Interpreter(model_path=str(path))
    (first,), (last,) = interpreter.get_input_details(), interpreter.get_output_details()
    return first, last


@pytest.mark.parametrize("name", FORMATS)
def test_it_takes_one_image_and_returns_one_row(written, name):
    for tensor, shape in zip(ends(written[name]), ([1, 16, 16, 3], [1, 3]), strict=True):
        assert tensor["shape"].tolist() == tensor["shape_signature"].tolist() == shape  # no None
        assert tensor["dtype"] == (np.uint8 if name == "int8" else np.float32)


def test_bytes_are_grey_levels_and_256ths_of_probability(written):
    first, last = ends(written["int8"])
    assert first["quantization"] == (1.0, 0) and last["quantization"] == (1 / 256, 0)
    interpreter = Interpreter(model_path=str(written["int8"]))
    run = interpreter.get_signature_runner()
    (prediction,) = run(image=np.full((1, 16, 16, 3), 9, np.uint8)).values()
    assert prediction.dtype == np.uint8 and abs(int(prediction.sum()) - 256) <= 3


@pytest.mark.parametrize("name", FORMATS)
def test_predictions_are_those_of_inference_mode(written, spec, training_mode, images, name):
    check_export(name, written[name], spec, images)
    predictions = Predictor.load(written[name]).predict_batch(images)
    assert np.abs(predictions - training_mode).max() > 0.05


def operators(content):
    """Returns what a file computes with: kind of operator -> input tensors of each."""
    model = ModelT.InitFromObj(Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    names = {number: name for name, number in vars(BuiltinOperator).items()}
    kinds = {}
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        kinds.setdefault(name, []).append([graph.tensors[index] for index in operator.inputs])
    return model, kinds


def test_the_backbone_is_quantized_by_channel_and_the_head_is_not(written):
    content = written["int8"].read_bytes()
    model, kinds = operators(content)
    for inputs in kinds["CONV_2D"]:
        assert inputs[0].type == inputs[1].type == TensorType.INT8
        assert len(inputs[1].quantization.scale) == inputs[1].shape[0]  # of output channels
    for inputs in kinds["SOFTMAX"] + kinds["FULLY_CONNECTED"]:
        assert inputs[0].type == TensorType.FLOAT32
    offsets = [content.find(bytes(buffer.data)) for buffer in model.buffers
               if buffer.data is not None and len(buffer.data) > 64]  # fmt: skip
    assert offsets and all(offset % 16 == 0 for offset in offsets)


def test_a_beginning_with_a_depthwise_convolution_stays_in_float(spec, images, tmp_path):
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    for _ in range(2):
        x = keras.layers.Conv2D(8, 3, activation="relu")(x)
        x = keras.layers.DepthwiseConv2D(3, activation="relu")(x)
    x = keras.layers.Conv2D(4, 3)(x)
    prediction = keras.layers.Softmax()(keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    model = keras.Model(image, prediction)
    path = tmp_path / "model.tflite"
    tflite.write_int8(dataclasses.replace(spec, model=model), path)
    _, kinds = operators(path.read_bytes())
    for kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        first, *rest = (inputs[0].type for inputs in kinds[kind])
        assert first == TensorType.FLOAT32 and set(rest) == {TensorType.INT8}
    first, last = ends(path)
    assert first["dtype"] == last["dtype"] == np.uint8 and first["quantization"] == (1.0, 0)
    inputs = np.rint(images).astype(np.uint8)
    predictions = Predictor.load(path).predict_batch(inputs)
    np.testing.assert_allclose(predictions, model(inputs), atol=0.05)
    (by_name,) = Interpreter(str(path)).get_signature_runner()(image=inputs[:1]).values()
    np.testing.assert_array_equal(by_name / 256, predictions[:1])


def test_large_matrices_take_a_byte_a_value(written, images, monkeypatch):
    plain = written["float32"].read_bytes()
    assert tflite_graph.with_small_matrices(plain) == tflite_graph.with_small_matrices(
        tflite_graph.with_small_matrices(plain)
    )  # nothing here is large
    monkeypatch.setattr(tflite_graph, "_LARGE", 100)
    small = tflite_graph.with_small_matrices(plain)
    _, kinds = operators(small)
    assert {inputs[0].type for inputs in kinds["DEQUANTIZE"]} == {TensorType.INT8}
    for original in images:
        found = []
        for content in (plain, small):
            interpreter = Interpreter(model_content=content)
            found.append(interpreter.get_signature_runner()(image=original[None]))
        (expected,), (prediction,) = (list(one.values()) for one in found)
        np.testing.assert_allclose(prediction, expected, atol=0.02)
    assert not np.array_equal(prediction, expected)


@pytest.mark.parametrize("name", FORMATS)
def test_metadata_labels_and_origin_are_inside(written, spec, name):
    assert dataclasses.replace(ModelMetadata.read(written[name]), threshold=0.6) == spec.metadata
    with zipfile.ZipFile(written[name]) as archive:
        assert archive.read("labels.txt") == b"blue\ngreen\nred\n"
        assert json.loads(archive.read("about.json"))["facts"] == {"seed": 3}
        assert len(archive.namelist()) == len(set(archive.namelist())) == 3


@pytest.mark.parametrize(
    ("threshold", "inside"), [(0.0, 0.0), (0.6, 0.6), (0.9999, 254.5 / 256), (1.0, 1.0)]
)
def test_the_surest_byte_passes_every_threshold_but_one(spec, threshold, inside):
    metadata = dataclasses.replace(spec.metadata, threshold=threshold, set_threshold=threshold)
    found = tflite.clip_threshold_to_uint8(metadata)
    assert found.threshold == found.set_threshold == inside
    assert tflite.clip_threshold_to_uint8(spec.metadata).set_threshold is None


def test_all_constants_of_float16_are_float16_and_the_rest_is_not(written):
    model, kinds = operators(written["float16"].read_bytes())
    used = {tensor.buffer: tensor.type for tensor in model.subgraphs[0].tensors}
    constants = [used[index] for index, buffer in enumerate(model.buffers)
                 if index in used and buffer.data is not None]  # fmt: skip
    assert TensorType.FLOAT16 in constants and TensorType.FLOAT32 not in constants
    assert {inputs[0].type for inputs in kinds["DEQUANTIZE"]} == {TensorType.FLOAT16}
    plain = len(written["float32"].read_bytes())
    assert len(written["float16"].read_bytes()) < plain  # the float32 constants are gone


def test_runtimes_that_cannot_compute_dynamic_files_refuse_them(spec, monkeypatch):
    monkeypatch.setattr(quantization, "_FEW", 0)  # of which the toy has less
    model, kinds = operators(quantization.dynamic_range(spec.as_tflite))
    assert {inputs[1].type for inputs in kinds["CONV_2D"]} == {TensorType.INT8}
    versions = {max(code.builtinCode, code.deprecatedBuiltinCode): code.version
                for code in model.operatorCodes}  # fmt: skip
    # https://www.tensorflow.org/lite/guide/ops_version: each kind's first with scales a channel.
    assert versions[BuiltinOperator.CONV_2D] >= 5
    assert versions[BuiltinOperator.FULLY_CONNECTED] >= 12


def test_constants_that_tensors_share_stay_right(written, images):
    plain = written["float32"].read_bytes()
    model = ModelT.InitFromObj(Model.GetRootAs(plain, 0))
    tensors = model.subgraphs[0].tensors
    kernel = next(
        one for one in tensors if len(one.shape) == 4 and model.buffers[one.buffer].data is not None
    )
    tensors.append(copy.copy(kernel))
    tensors[-1].name = b"twin"
    shared = tflite_graph.with_float16_weights(tflite_graph._write(model))
    found = []
    for content in (written["float16"].read_bytes(), shared):
        (row,) = (
            Interpreter(model_content=content).get_signature_runner()(image=images[:1]).values()
        )
        found.append(row)
    np.testing.assert_array_equal(*found)
