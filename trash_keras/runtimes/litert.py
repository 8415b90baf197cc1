"""A `.tflite` file, run by LiteRT; needs no TensorFlow."""

import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.host import cores, native_output
from trash_keras.host.packages import install_hint
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import PredictBatch, require_probabilities, require_shapes

# The output of the layer `models.classifier.FEATURES` as the converter names it.
_FEATURES = re.compile(r"(?:^|/)features(?:_\d+)*/Mean$")


def load(path: str, metadata: ModelMetadata, threads: int | None = None) -> PredictBatch:
    """Loads a TFLite file in any of our formats: float32, or quantized input and output.

    Args:
        path: The file.
        metadata: For the shapes alone: the file holds temperature and views.
        threads: Threads to compute with; None takes one for each processor core.

    Raises:
        ImportError: LiteRT is not installed.
    """
    count = threads or cores.available()
    interpreter = _open(path, num_threads=count)
    content = Path(path).read_bytes()  # the file may be gone when several images come
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    require_shapes(source["shape"].tolist(), target["shape"].tolist(), metadata)
    own, pool = threading.local(), ThreadPoolExecutor(count)

    def predict_one(image: np.ndarray, interpreter: Any = interpreter) -> np.ndarray:
        interpreter.set_tensor(source["index"], _quantized(image, source)[None])
        interpreter.invoke()
        return _dequantized(interpreter.get_tensor(target["index"])[0], target)

    def predict_in_thread(image: np.ndarray) -> np.ndarray:
        if not hasattr(own, "interpreter"):
            own.interpreter = _interpreter(model_content=content, num_threads=1)
        return predict_one(image, own.interpreter)

    # A phone classifies one image at a time, and the file has that shape. So all threads work on a
    # single image, but of several each takes its own, with an interpreter of its own: they need not
    # wait for each other at the end of each layer.
    def predict_batch(images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)  # of tensors each image would be a tensor, too
        in_turn = len(images) == 1 or count == 1
        rows = map(predict_one, images) if in_turn else pool.map(predict_in_thread, images)
        return np.stack(list(rows))

    require_probabilities(predict_batch, metadata)
    return predict_batch


def load_features(path: str, metadata: ModelMetadata) -> PredictBatch | None:
    """Loads what computes the features by which a TFLite file classifies.

    Takes more memory than `load`, since every tensor is kept.

    Args:
        path: The file.
        metadata: Of the file.

    Returns:
        Takes images as what `load` returns does; gives float32 [batch, channels], pooled, the
        mean of the views. None where no tensor of the file has the name of the features.

    Raises:
        ImportError: LiteRT is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the memory that kept tensors take
        interpreter = _open(
            path, num_threads=cores.available(), experimental_preserve_all_tensors=True
        )
    (source,) = interpreter.get_input_details()
    pooled = [
        tensor for tensor in interpreter.get_tensor_details()
        if len(tensor["shape"]) == 2 and _FEATURES.search(tensor["name"])
    ]  # fmt: skip
    if not pooled:
        return None

    def features_of_one(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source["index"], _quantized(image, source)[None])
        interpreter.invoke()
        views = [_dequantized(interpreter.get_tensor(each["index"]), each) for each in pooled]
        return np.concatenate(views).mean(0)

    return lambda images: np.stack([features_of_one(image) for image in np.asarray(images)])


def _open(path: str, **options: Any) -> Any:
    """Returns the interpreter of a file that can do no more than classify an image."""
    try:
        from trash_keras.scanning import litert
    except ImportError as error:
        raise ImportError(f".tflite files need LiteRT: {install_hint('runtime')}") from error

    litert.require_safe(path)
    return _interpreter(model_path=path, **options)


def _interpreter(**options: Any) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    from trash_keras.scanning import rules

    with native_output.without_notes():
        interpreter = Interpreter(**options)
        interpreter.allocate_tensors()
    # What the runtime makes of the shapes, which need not be what the file says.
    for tensor in interpreter.get_tensor_details():
        rules.require_tensor(tensor["shape"].tolist(), f'the tensor "{tensor["name"]}"')
    return interpreter


def _quantized(values: np.ndarray, tensor: dict) -> np.ndarray:
    """Returns values as a tensor holds them; float tensors have scale 0."""
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    levels = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor["dtype"])


def _dequantized(values: np.ndarray, tensor: dict) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values
    return (values.astype(np.float32) - zero_point) * np.float32(scale)
