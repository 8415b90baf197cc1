import dataclasses
import sys

import onnxruntime
import pytest

from tests.support.export import check_export, write_export
from trash_keras.exporters import onnx
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

METADATA = ModelMetadata(("blue", "green", "red"), 16, "pad", threshold=0.25)


@pytest.fixture(scope="module")
def exported(classifier, spec, tmp_path_factory):
    """What is exported, and the path of the file."""
    plain = dataclasses.replace(spec, model=classifier, metadata=METADATA)
    return plain, write_export("onnx", plain, tmp_path_factory.mktemp("export"))


@pytest.fixture
def path(exported):
    return exported[1]


def test_input_and_output_are_as_documented(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.type, source.shape[1:]) == ("image", "tensor(float)", [16, 16, 3])
    assert (target.name, target.type, target.shape[1:]) == ("probabilities", "tensor(float)", [3])
    assert not isinstance(source.shape[0], int) and not isinstance(target.shape[0], int)
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["labels.txt"] == "blue\ngreen\nred\n"


def test_predictions_are_those_of_inference_mode(exported, images):
    check_export("onnx", exported[1], exported[0], images)


def test_without_the_packages_the_extra_is_named(path, spec, tmp_path, monkeypatch):
    for name in ("onnxruntime", "tf2onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install '\.\[onnx\]'"):
        Predictor.load(path)
    with pytest.raises(ImportError, match=r"pip install '\.\[onnx\]'"):
        onnx.write(spec, tmp_path / "model.onnx")


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    other = tmp_path / "model.onnx"
    other.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="is not a model of this project"):
        Predictor.load(other)
