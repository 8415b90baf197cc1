"""What a model file says of itself is checked once, when it is read, whatever asks for it."""

import json
import math
import re
import zipfile

import pytest

from tests.support import hostile_models
from tests.support.hostile_models import METADATA, rewrite_zip, with_config, with_metadata
from trash_keras.metadata import ENTRY, ModelMetadata
from trash_keras.predictor import Predictor

WRONG = {
    "threshold": [math.nan, math.inf, -0.1, 1.1, "0.5", "high", None, True, [0.5], 10**400],
    "set_threshold": [math.nan, -1, 2, "0.1", False, {}],
    "temperature": [0, -1, math.nan, math.inf, "1", None, True],
    "image_size": [0, -1, 2049, 30000, 10**9, 16.0, "16", None, True, [16, 16], math.nan],
    "resize": ["squash", "", None, 1, ["crop"], "CROP"],
    "tta": [0, 3, 16, 1.0, "2", None, True],
    "class_names": [
        [], None, "red", 3, {"a": 1}, ["a", 1, "b"], ["a", None, "b"], ["a", "a", "b"],
        ["a", "", "b"], ["a", " ", "b"], ["a", "b", "\x1b[31mred"], ["a", "b\nc", "d"],
        ["a", "b", "c\u202e"], ["a", "b", "\ud800"], ["a", "b", "c" * 1001], ["a", ["b"], "c"],
    ],
}  # fmt: skip
CASES = [(name, value) for name, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda value: repr(value)[:20])
def test_a_wrong_value_is_one_line_that_names_it(good, tmp_path, name, value):
    path = with_metadata(good / "model.keras", tmp_path / "model.keras", **{name: value})
    with pytest.raises(ValueError, match=rf"metadata in .* is wrong: {name} must be") as error:
        Predictor.load(path)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", str(error.value))
    assert len(str(error.value)) < 400
    with pytest.raises(ValueError, match=f"^{name} must be"):
        values = METADATA.__dict__ | {name: tuple(value) if isinstance(value, list) else value}
        ModelMetadata(**values)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"class_names": ["a"]}', "[" * 100_000, "\xff\xfe",
     json.dumps(METADATA.__dict__ | {"unknown": 1}), '{"class_names": ["a"], "image_size": 1e999}'],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_what_is_no_metadata_is_one_line(good, tmp_path, text):
    path = rewrite_zip(good / "model.keras", tmp_path / "model.keras", {ENTRY: text})
    with pytest.raises(ValueError, match=r"not a model of this project|is wrong") as error:
        ModelMetadata.read(path)
    assert "\n" not in str(error.value)


def test_metadata_of_any_size_is_not_read(good, tmp_path):
    bomb = {ENTRY: b" " * 2**25 + json.dumps(METADATA.__dict__).encode()}
    path = tmp_path / "model.keras"
    rewrite_zip(good / "model.keras", path, bomb, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="not a model of this project"):
        ModelMetadata.read(path)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite"])
@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c", "d"), ("a",)])
def test_as_many_classes_as_the_tensors_have(good, tmp_path, name, names):
    path = with_metadata(good / name, tmp_path / name, class_names=names)
    with pytest.raises(ValueError, match=f"and {len(names)} classes, the model takes .* gives"):
        Predictor.load(path)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite"])
def test_images_of_the_size_that_the_tensors_have(good, tmp_path, name):
    path = with_metadata(good / name, tmp_path / name, image_size=32)
    with pytest.raises(ValueError, match=r"says images \[32, 32, 3\] .* takes \[16, 16, 3\]"):
        Predictor.load(path)


def test_other_kinds_are_held_to_their_metadata_too(tmp_path):
    import dataclasses

    wrong = dataclasses.replace(METADATA, class_names=("a", "b"))
    path = hostile_models.write_saved_model(tmp_path / "model", lambda *_: None, wrong)
    with pytest.raises(ValueError, match="and 2 classes"):
        Predictor.load(path)
    import onnx

    model = onnx.load(hostile_models.write_onnx(tmp_path / "model.onnx"))
    onnx.helper.set_model_props(model, wrong.entries())
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="and 2 classes"):
        Predictor.load(tmp_path / "model.onnx")


def test_a_model_that_gives_no_probabilities_is_refused_when_it_is_loaded(good, tmp_path):
    def change(settings):
        scaling = hostile_models.first_layer(settings, "Rescaling")
        scaling["config"]["scale"] = math.nan

    path = with_config(good / "model.keras", tmp_path / "model.keras", change)
    with pytest.raises(ValueError, match="which are no probabilities"):
        Predictor.load(path)
