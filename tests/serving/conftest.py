"""Fixtures of the service's tests: a model that says how red, green and blue an image is."""

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor
from trash_keras.serving import service
from trash_keras.serving.limits import Limits

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0), "grey": (90, 90, 90)}


class Model:
    """Mean of each channel as probability; remembers the sizes of its batches."""

    def __init__(self):
        self.batches = []
        self.before = lambda: None  # called by the model's thread before it predicts

    def __call__(self, images):
        self.batches.append(len(images))
        self.before()
        assert images.dtype == np.float32 and images.shape[1:] == (8, 8, 3)
        means = images.mean((1, 2))[:, ::-1]
        return (means / np.maximum(means.sum(1, keepdims=True), 1)).astype(np.float32)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def predictor(model):
    metadata = ModelMetadata(("blue", "green", "red"), 8, "stretch", threshold=0.5)
    return Predictor(model, metadata)


@pytest.fixture
def limits():
    """Small ones, so that tests are quick."""
    return Limits(upload_megabytes=0.1, files=3, megapixels=0.01, seconds=5, batch=4, requests=2)


@pytest.fixture
def app(predictor, limits):
    return service.build(predictor, "model.tflite", limits)


@pytest.fixture
def client(app):
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="session")
def image():
    """Encodes an image of one colour."""

    def encode(name, kind="PNG", side=12):
        file = io.BytesIO()
        Image.new("RGB", (side, side), COLOURS[name]).save(file, kind)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def form():
    """Files by name -> the `files` argument of an HTTP client."""
    return lambda **files: [("files", (name, content)) for name, content in files.items()]
