"""A .tflite file is answered where there is no TensorFlow."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from trash_keras.contract import Contract
from trash_keras.export import about, tflite
from trash_keras.export.source import Source
from trash_keras.modeling import answering, backbones, classifier
from trash_keras.predictor import Predictor

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
    """A float32 and an int8 file, and a picture."""
    folder = tmp_path_factory.mktemp("litert")
    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    model = answering.build_inference_model(classifier.build(backbone, 3, scaling=scaling))
    contract = Contract(("blue", "green", "red"), 16, "stretch")
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    source = Source(model, contract, about.About("Toy", "Toy.", "", {}), pictures.copy)
    tflite.write_float32(source, folder / "model_float32.tflite")
    tflite.write_int8(source, folder / "model_int8.tflite")
    Image.fromarray(pictures[0]).resize((40, 30)).save(folder / "picture.png")
    return folder


def test_floats_and_bytes_give_the_same_answers(models):
    pictures = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), np.uint8)
    predictor = Predictor.load(models / "model_int8.tflite")
    np.testing.assert_array_equal(
        predictor.predict_batch(pictures), predictor.predict_batch(pictures.astype(np.float32))
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_the_script_answers_with_litert_numpy_and_pillow_alone(models, kind):
    path, picture = models / f"model_{kind}.tflite", str(models / "picture.png")
    program = PROGRAM.format(blocked=BLOCKED)
    done = subprocess.run(
        [sys.executable, "-c", program, f"--model={path}", "--format=json", picture],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (expected,) = Predictor.load(path).predict_stream([picture])
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(expected.probabilities)


@pytest.mark.slow
def test_without_tensorflow_other_files_say_what_is_missing(trained):
    workdir, data, _ = trained
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(blocked=BLOCKED),
         f"--model={workdir / 'model.keras'}", str(next(data.rglob("*.png")))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "No module named" in done.stderr
    assert "Traceback" not in done.stderr
