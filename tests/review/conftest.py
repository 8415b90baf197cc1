"""Fixtures of a review: a model that says how red, green and blue an image is, and a folder."""

import threading

import numpy as np
import pytest
from PIL import Image

from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor
from trash_keras.review import folders, pool, server, session

COLOURS = {
    "violet": (130, 0, 125), "red": (250, 0, 5), "orange": (160, 95, 0), "teal": (0, 120, 135),
    "violet again": (131, 0, 124),
}  # fmt: skip


def predict_batch(images):
    means = np.asarray(images, np.float64).mean((1, 2))[:, ::-1]
    return (means / means.sum(1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def model():
    metadata = ModelMetadata(("blue", "green", "red"), 8, "stretch", threshold=0.9)
    return pool.Model(Predictor(predict_batch, metadata), predict_batch)


@pytest.fixture
def folder(tmp_path):
    """A folder with an image of each of `COLOURS`, and a text."""
    root = tmp_path / "unsure"
    root.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 30), colour).save(root / f"{name}.png")
    (root / "notes.txt").write_text("no image")
    return root


@pytest.fixture
def start(folder, model):
    """Starts a session on the folder, as the command does."""

    def begin():
        place = folders.Folders(folder)
        return session.Session(place, pool.find(place, model), model.predictor.class_names)

    return begin


@pytest.fixture
def serve():
    """Serves the page of a session."""
    started = []

    def begin(review):
        started.append(server.Server(review))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield begin
    for each in started:
        each.shutdown()
        each.server_close()
