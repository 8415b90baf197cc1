import zipfile

import h5py
import keras
import numpy as np
import pytest

from tools import half_precision
from trash_keras.metadata import ModelMetadata

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype("float32")


def test_plain_keras_reads_it_and_predicts_nearly_the_same(trained, tmp_path):
    source, target = trained[0] / "model.keras", tmp_path / "half.keras"
    half_precision.write(source, target)
    assert ModelMetadata.read(target) == ModelMetadata.read(source)
    found, expected = keras.models.load_model(target), keras.models.load_model(source)
    assert {str(weight.dtype) for weight in found.weights} == {"float32"}
    np.testing.assert_allclose(
        found.predict(IMAGES, verbose=0), expected.predict(IMAGES, verbose=0), atol=5e-3
    )
    assert [each.path for each in found.weights] == [each.path for each in expected.weights]


def test_kernels_are_halved_and_vectors_are_not(trained, tmp_path):
    half_precision.write(trained[0] / "model.keras", tmp_path / "half.keras")
    with zipfile.ZipFile(tmp_path / "half.keras") as archive:
        archive.extract(half_precision.WEIGHTS, tmp_path)
    types = set()
    with h5py.File(tmp_path / half_precision.WEIGHTS) as file:
        file.visititems(
            lambda name, item: (
                types.add((item.ndim > 1, str(item.dtype)))
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    assert types >= {(True, "float16"), (False, "float32")} and (True, "float32") not in types


def test_a_weight_that_is_too_large_is_an_error(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.layers[0].set_weights([np.array([[1e6], [1]]), np.zeros(1)])
    model.save(tmp_path / "large.keras")
    with pytest.raises(ValueError, match="too large for float16"):
        half_precision.write(tmp_path / "large.keras", tmp_path / "half.keras")
    assert not (tmp_path / "half.keras").exists()
