"""An `.onnx` file, run by ONNX Runtime; needs no TensorFlow."""

import numpy as np

from trash_keras.metadata import ONNX_PACKAGES, ModelMetadata
from trash_keras.predictor import (
    PredictBatch,
    micro_batched,
    require_probabilities,
    require_shapes,
)
from trash_keras.scanning import onnx


def load(path: str, metadata: ModelMetadata, threads: int | None = None) -> PredictBatch:
    """Loads an ONNX file, to run on the CPU.

    Args:
        path: The file.
        metadata: Only the number of views counts: the file holds the rest.
        threads: Threads to compute with; None leaves it to the runtime, which takes all cores.

    Raises:
        ImportError: ONNX or ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(ONNX_PACKAGES) from error

    onnx.require_safe(path)
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    require_shapes(_lengths(source.shape), _lengths(target.shape), metadata)

    def predict_batch(images: np.ndarray) -> np.ndarray:
        (probabilities,) = session.run(None, {"image": np.asarray(images, np.float32)})
        return probabilities

    require_probabilities(predict_batch, metadata)
    return micro_batched(predict_batch, metadata.tta)


def _lengths(shape: list) -> list[int | None]:
    """Returns a shape in numbers; a length that is only named is any."""
    return [length if isinstance(length, int) else None for length in shape]
