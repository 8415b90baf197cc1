"""A .tflite file predicts where there is no TensorFlow."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from trash_keras.exporters import model_info, tflite
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.models import backbones, classifier, inference
from trash_keras.predictor import Predictor
from trash_keras.runtimes import keras_file, litert

# What an environment without TensorFlow lacks; and what of ours must not be missed there.
BLOCKED = ("tensorflow", "keras", "sklearn", "scipy", "matplotlib", "wandb", "jinja2", "fsspec")
PROGRAM = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["trash-keras", "predict", *sys.argv[1:]]
import runpy
runpy.run_module("trash_keras", run_name="__main__")
"""


@pytest.fixture(scope="module")
def models(toy_backbone, tmp_path_factory):
    """A float32 and an int8 file, and an image."""
    folder = tmp_path_factory.mktemp("litert")
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    model = inference.build_inference_model(classifier.build(backbone, 3, scaling=scaling))
    metadata = ModelMetadata(("blue", "green", "red"), 16, "stretch")
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    spec = ExportSpec(model, metadata, model_info.ModelInfo("Toy", "Toy.", "", {}), images.copy)
    tflite.write_float32(spec, folder / "model_float32.tflite")
    tflite.write_int8(spec, folder / "model_int8.tflite")
    inference.save(model, metadata, folder / "model.keras")
    Image.fromarray(images[0]).resize((40, 30)).save(folder / "image.png")
    return folder


def test_floats_and_bytes_give_the_same_predictions(models):
    images = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), np.uint8)
    predictor = Predictor.load(models / "model_int8.tflite")
    np.testing.assert_array_equal(
        predictor.predict_batch(images), predictor.predict_batch(images.astype(np.float32))
    )


@pytest.mark.parametrize("name", ["float32", "int8"])
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_images_together_give_what_each_gives_alone(models, tmp_path, name, threads):
    path = tmp_path / "model.tflite"
    path.write_bytes((models / f"model_{name}.tflite").read_bytes())
    predict = litert.load(str(path), ModelMetadata.read(path), threads)
    path.unlink()  # as that of an address, once it is loaded
    images = np.random.default_rng(2).integers(0, 256, (40, 16, 16, 3)).astype(np.float32)
    alone = np.concatenate([predict(image[None]) for image in images])
    for count in (40, 2):
        np.testing.assert_array_equal(predict(images[:count]), alone[:count])


@pytest.mark.parametrize(("name", "tolerance"), [("float32", 1e-5), ("int8", 0.05)])
def test_features_are_those_of_the_keras_file(models, name, tolerance):
    path, metadata = models / "model.keras", ModelMetadata.read(models / "model.keras")
    images = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), np.uint8).astype(np.float32)
    expected = keras_file.load_features(str(path), metadata)(images)
    found = litert.load_features(str(models / f"model_{name}.tflite"), metadata)(images)
    assert expected.shape == found.shape and expected.std(0).max() > 0
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


def test_a_file_without_such_a_layer_has_no_features(tmp_path):
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model, metadata = keras.Sequential(layers), ModelMetadata(("a", "b"), 8, "pad")
    about = model_info.ModelInfo("Toy", "Toy.", "", {})
    spec = ExportSpec(model, metadata, about, lambda: np.zeros((1, 8, 8, 3), np.uint8))
    tflite.write_float32(spec, tmp_path / "model.tflite")
    assert litert.load_features(str(tmp_path / "model.tflite"), metadata) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float32", "int8"])
def test_the_command_predicts_with_litert_numpy_and_pillow_alone(models, name):
    path, image = models / f"model_{name}.tflite", str(models / "image.png")
    program = PROGRAM.format(blocked=BLOCKED)
    done = subprocess.run(
        [sys.executable, "-c", program, f"--model={path}", "--format=json", image],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (expected,) = Predictor.load(path).predict_stream([image])
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(expected.probabilities)


@pytest.mark.slow
def test_without_tensorflow_other_files_say_what_is_missing(trained):
    workdir, data, _ = trained
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=BLOCKED),
         f"--model={workdir / 'model.keras'}", str(next(data.rglob("*.png")))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "needs the package keras: pip install" in done.stderr
    assert "Traceback" not in done.stderr
