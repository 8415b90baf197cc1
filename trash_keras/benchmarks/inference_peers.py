"""Contenders of the inference suite: runtimes as their users call them, with no code of ours.

Images are decoded by Pillow and stretched to the square, one after the other for one image, and in
a thread for each core for a folder.
"""

import io
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trash_keras.benchmarks.inference_ours import size, timed
from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.host import cores

CLASSES = 6
BATCH_SIZE = 32
# float32 [batch, side, side, 3], RGB 0..255 -> [batch, classes].
Predict = Callable[[np.ndarray], Any]


def one_image(kind: str, model: str, side: int, image: str, threads: int) -> Turn:
    """Classifies one image at a time, as `inference_ours.one_image`.

    Args:
        kind: A key of `RUNTIMES`.
        model: File or folder; for torch, the name of a network in timm.
        side: Height and width of its images, pixels.
        image: File.
        threads: CPU threads.
    """
    predict, size_mb = RUNTIMES[kind](model, threads)
    array = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    encoded = Path(image).read_bytes()
    return timed(
        lambda: predict(array),
        lambda: predict(_square(io.BytesIO(encoded), side)[None]),
        size_mb,
    )


def folder(kind: str, model: str, side: int, folder: str, threads: int) -> Turn:
    """Classifies all images of a folder, once a turn, on all cores."""
    predict, _ = RUNTIMES[kind](model, threads or cores.available())

    def turn() -> Figures:
        started, count = time.perf_counter(), 0
        for batch in _batches(folder, side):
            predict(batch)
            count += len(batch)
        return figures(count, time.perf_counter() - started)

    return turn


def _square(file: Any, side: int) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((side, side)), np.float32)


def _batches(folder: str, side: int) -> Iterator[np.ndarray]:
    paths = iter(sorted(path for path in Path(folder).rglob("*") if path.is_file()))
    with ThreadPoolExecutor(cores.available()) as threads:
        while chunk := list(itertools.islice(paths, BATCH_SIZE)):
            yield np.stack(list(threads.map(lambda path: _square(path, side), chunk)))


def _tensorflow(threads: int) -> Any:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    return tf


def _keras(model: str, threads: int) -> tuple[Predict, float]:
    _tensorflow(threads)
    import keras

    loaded = keras.models.load_model(model, compile=False)
    return loaded.predict_on_batch, size(model)


def _saved_model(model: str, threads: int) -> tuple[Predict, float]:
    tf = _tensorflow(threads)
    loaded = tf.saved_model.load(model)  # which lives as long as its signature is wanted
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]

    def predict(images: np.ndarray) -> Any:
        assert loaded
        return {key: one.numpy() for key, one in signature(**{name: tf.constant(images)}).items()}

    return predict, size(model)


def _onnx(model: str, threads: int) -> tuple[Predict, float]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images}), size(model)


def _openvino(model: str, threads: int) -> tuple[Predict, float]:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return compiled, size(model)


def _torch(model: str, threads: int) -> tuple[Predict, float]:
    import timm
    import torch

    torch.set_num_threads(threads)
    network = timm.create_model(model, pretrained=False, num_classes=CLASSES).eval()
    network = network.to(memory_format=torch.channels_last)
    weights = sum(one.numel() * one.element_size() for one in network.state_dict().values())

    def predict(images: np.ndarray) -> Any:
        with torch.inference_mode():  # NHWC turned, not copied: that is channels last
            return network(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1).softmax(1)

    return predict, weights / 1e6


RUNTIMES: dict[str, Callable[[str, int], tuple[Predict, float]]] = {
    "keras": _keras,
    "saved_model": _saved_model,
    "onnx": _onnx,
    "openvino": _openvino,
    "torch": _torch,
}
