import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from trash_keras.contract import Contract
from trash_keras.export import tflite
from trash_keras.prediction import Predictor

CONTRACT = Contract(("blue", "green", "red"), 16, "crop")


@pytest.fixture(scope="module")
def file(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model_float32.tflite"
    tflite.write_float32(classifier, CONTRACT, path)
    return path


def test_it_takes_one_float_picture_and_returns_one_row(file):
    interpreter = Interpreter(model_path=str(file))
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    for tensor, shape in ((source, [1, 16, 16, 3]), (target, [1, 3])):
        assert tensor["shape"].tolist() == tensor["shape_signature"].tolist() == shape  # no None
        assert tensor["dtype"] == np.float32


def test_answers_are_the_probabilities_of_inference_mode(file, classifier, images):
    answers = Predictor.load(file).predict_batch(images)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(answers, classifier(images, training=False), atol=1e-4)
    assert np.abs(answers - classifier(images, training=True)).max() > 0.05
    assert np.ptp(answers, axis=0).max() > 0.01  # another picture, another answer


def test_the_contract_and_the_labels_lie_inside(file):
    assert Contract.read(file) == CONTRACT
    assert zipfile.ZipFile(file).read("labels.txt") == b"blue\ngreen\nred\n"
