import sys

import numpy as np
import onnxruntime
import pytest

from trash_keras.exporters import onnx
from trash_keras.exporters.model_info import ModelInfo
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

METADATA = ModelMetadata(("blue", "green", "red"), 16, "pad", threshold=0.25)


@pytest.fixture(scope="module")
def spec(classifier):
    return ExportSpec(classifier, METADATA, ModelInfo("Toy", "Toy.", "", {}), lambda: None)


@pytest.fixture(scope="module")
def path(spec, tmp_path_factory):
    found = tmp_path_factory.mktemp("export") / "model.onnx"
    onnx.write(spec, found)
    return found


def test_input_and_output_are_as_documented(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.type, source.shape[1:]) == ("image", "tensor(float)", [16, 16, 3])
    assert (target.name, target.type, target.shape[1:]) == ("probabilities", "tensor(float)", [3])
    assert not isinstance(source.shape[0], int) and not isinstance(target.shape[0], int)
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["labels.txt"] == "blue\ngreen\nred\n"


def test_predictions_are_those_of_inference_mode_for_any_number_of_images(path, classifier, images):
    predictor = Predictor.load(path, threads=1)
    assert predictor.metadata == ModelMetadata.read(path) == METADATA
    expected = np.asarray(classifier(images, training=False))
    for count in (1, 5):
        predictions = predictor.predict_batch(images[:count])
        assert predictions.dtype == np.float32
        np.testing.assert_allclose(predictions, expected[:count], atol=1e-5)
    levels = images.astype(np.uint8)
    expected = classifier(levels.astype(np.float32), training=False)
    np.testing.assert_allclose(predictor.predict_batch(levels), expected, atol=1e-5)


def test_without_the_packages_the_extra_is_named(path, spec, tmp_path, monkeypatch):
    for name in ("onnxruntime", "tf2onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'trash-keras\[onnx\]'"):
        Predictor.load(path)
    with pytest.raises(ImportError, match=r"pip install 'trash-keras\[onnx\]'"):
        onnx.write(spec, tmp_path / "model.onnx")


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    other = tmp_path / "model.onnx"
    other.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="is not a model of this project"):
        Predictor.load(other)
