"""`model.keras` predicts as the report says with nothing but Keras: this package is locked out."""

import dataclasses
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from trash_keras.data import decoding
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.predictions import Predictions
from trash_keras.training.trainer import train_and_evaluate

# The package is installed where the tests run, so an empty folder alone would not lock it out.
PLAIN = """
import sys

class Lock:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ImportError(f"{name} is locked out")

sys.meta_path.insert(0, Lock())
import keras
import numpy as np

print(keras.backend.backend())
for run in sys.argv[2:]:
    model = keras.models.load_model(f"{run}/model.keras")
    found = model.predict(np.load(f"{run}/images.npy"), verbose=0)
    np.save(f"{run}/found.npy", np.asarray(found))
assert not any(name.split(".")[0] == "trash_keras" for name in sys.modules)
"""


@pytest.fixture(scope="module")
def runs(doubtful, tmp_path_factory):
    """Finished runs of one view and of eight, with the images of their test split beside."""
    _, data, _, config = doubtful
    folders = []
    for views in (1, 8):
        folder = tmp_path_factory.mktemp(f"views{views}")
        answering = dataclasses.replace(config.answering, tta=views)
        report = train_and_evaluate(dataclasses.replace(config, answering=answering), folder)
        metadata = ModelMetadata.read(folder / "model.keras")
        assert metadata.tta == views and metadata.temperature != 1
        paths = Predictions.load(folder / "predictions" / "test.csv").paths
        images = [decoding.load((data / path).read_bytes(), 16, "stretch") for path in paths]
        np.save(folder / "images.npy", np.stack(images).astype("float32"))
        assert report["config"]["answering"]["ood_scaling"]
        folders.append(folder)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_plain_keras_predicts_what_the_report_says(runs, tmp_path, backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"needs {backend}: extra dev")
    locked = "trash_keras,experiments" + (",tensorflow" if backend == "jax" else "")
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, locked, *map(str, runs)],
        cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == backend
    for run in runs:
        expected = Predictions.load(run / "predictions" / "test.csv").probabilities
        assert expected.max(axis=1).min() < 0.9  # not so sure that all would agree
        # The toy's features leave their subspace by 1e-4 and less, which makes rounding count.
        np.testing.assert_allclose(np.load(run / "found.npy"), expected, atol=3e-4)
