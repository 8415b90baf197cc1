"""A good model file of each kind, which the tests change for the worse."""

import numpy as np
import pytest

from tests.support.builders import make_once
from tests.support.hostile_models import METADATA, SIDE, write_onnx, write_saved_model


@pytest.fixture(scope="session")
def good(toy_backbone, tmp_path_factory):
    """A folder with model.keras, model.tflite, saved_model/ and model.onnx."""

    def make(folder):
        from trash_keras.exporters import model_info, tflite
        from trash_keras.exporters.spec import ExportSpec
        from trash_keras.models import backbones, classifier, inference

        scaling, backbone = backbones.build(str(toy_backbone), "imagenet", SIDE)
        model = inference.build_inference_model(classifier.build(backbone, 3, scaling=scaling))
        inference.save(model, METADATA, folder / "model.keras")
        info = model_info.ModelInfo("Toy", "Toy.", "", {})
        images = np.zeros((1, SIDE, SIDE, 3), np.uint8)
        spec = ExportSpec(model, METADATA, info, images.copy)
        tflite.write_float32(spec, folder / "model.tflite")
        write_saved_model(folder / "saved_model", lambda module, image: None)
        write_onnx(folder / "model.onnx")

    return make_once(tmp_path_factory, "good-models", make)
