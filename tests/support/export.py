"""What holds for every export format, as KerasHub's `run_model_saving_test` does for its models."""

import numpy as np

from trash_keras.exporters.formats import FORMATS
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

# How far a probability may lie from that of Keras: sums in another order, weights in half
# precision, weights and activations in 8 bits.
TOLERANCES = {"saved_model": 1e-5, "onnx": 1e-5, "float32": 1e-4, "float16": 5e-3,
              "dynamic": 0.05, "int8": 0.05}  # fmt: skip
EIGHT_BITS = 1 / 256  # step of a probability of int8


def write_export(name, spec, folder):
    """Writes a model as `export` does; returns its path."""
    path = folder / FORMATS[name].file
    FORMATS[name].write(spec, path)
    return path


def check_export(name, path, spec, images):
    """Checks what any file of a model must do.

    Args:
        name: Key of `formats.FORMATS`.
        path: From `write_export`.
        spec: What was exported.
        images: float32 [N, side, side, 3], 0..255, N at least 2, of other colours each.
    """
    # TensorFlow's threads are those of the process, which has begun to compute.
    predictor = Predictor.load(path, threads=None if name == "saved_model" else 1)
    assert predictor.metadata == ModelMetadata.read(path) == spec.metadata
    levels = np.rint(images).astype(np.uint8)
    for given in (images, levels):  # fractions, and bytes as a decoder gives them
        expected = np.asarray(spec.model(given.astype(np.float32), training=False))
        for count in (1, len(given)):
            found = predictor.predict_batch(given[:count])
            assert found.dtype == np.float32 and found.shape == (count, expected.shape[1])
            np.testing.assert_allclose(found, expected[:count], atol=TOLERANCES[name])
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(1), 1, atol=EIGHT_BITS * 3 * (name == "int8") + 1e-5)
    assert found.argmax(1).tolist() == expected.argmax(1).tolist()
    assert np.ptp(found, axis=0).max() > 0.01  # another image, another prediction
    np.testing.assert_array_equal(predictor.predict_batch(levels.astype(np.float32)), found)
    reloaded = Predictor.load(path).predict_batch(levels)
    np.testing.assert_allclose(reloaded, found, atol=1e-5 + EIGHT_BITS * (name == "int8"))
