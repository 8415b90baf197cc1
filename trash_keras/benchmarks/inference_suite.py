"""Inference: each of our model files beside other runtimes, from an array, from bytes, a folder.

Without models of the user's, the packaged model is measured in each format. Keras, SavedModel,
ONNX Runtime and OpenVINO run that same network; PyTorch runs timm's EfficientNet-Lite0, whose
layers are the same.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from trash_keras.benchmarks import exports, images
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case, Contender, Metric

ONE_IMAGE = (
    Metric("array_p50", "one image from an array, p50", "ms"),
    Metric("array_p95", "one image from an array, p95", "ms"),
    Metric("bytes_p50", "one image from JPEG bytes, p50", "ms"),
    Metric("bytes_p95", "one image from JPEG bytes, p95", "ms"),
)
SIZE = Metric("size_mb", "size", "MB")
FOLDER = (
    Metric("images_per_second", "", "images/s", more_is_better=True),
    Metric("memory_mb", "peak memory", "MB"),
)
# Ending of a model file -> who else runs it: title, kind of `inference_peers`, packages.
RUNTIMES = {
    ".keras": (("Keras", "keras", ()),),
    "": (("TensorFlow, SavedModel", "saved_model", ()),),
    ".onnx": (
        ("ONNX Runtime", "onnx", ("onnxruntime",)),
        ("OpenVINO", "openvino", ("openvino",)),
    ),
    ".tflite": (),
}
TORCH = ("torch", "torchvision", "timm")
IMAGES_IN_FOLDER = 256


def cases(settings: Settings) -> Iterator[Case]:
    """Yields the cases: one image with each number of threads, then a folder on all cores."""
    models = exports.models(settings)
    few = images.write(settings.folder / "few", 12, images.SMALL)
    many = images.write(
        settings.folder / "many", min(settings.images, IMAGES_IN_FOLDER), images.SMALL
    )
    image = str(next(few.glob("*/*.jpg")))
    for threads in settings.cores:
        name = f"{threads} thread{'s' if threads > 1 else ''}"
        ours, peers = _contenders(models, "one_image", {"image": image, "threads": threads})
        first = threads == min(settings.cores)
        yield Case("inference", name, ours, peers, (*ONE_IMAGE, SIZE) if first else ONE_IMAGE)
    ours, peers = _contenders(models, "folder", {"folder": str(many), "threads": 0})
    yield Case("inference", f"folder of {_count(many)} images", ours, peers, FOLDER)


def _contenders(
    models: list[str], function: str, options: dict[str, object]
) -> tuple[tuple[Contender, ...], tuple[Contender, ...]]:
    """Returns ours and their peers for the same files."""
    ours, peers = [], []
    for model in models:
        name, side = os.path.basename(model), exports.image_size(model)
        ours.append(Contender(name, f"inference_ours:{function}", {**options, "model": model}))
        for title, kind, needs in RUNTIMES[exports.suffix(model)]:
            about = {**options, "kind": kind, "model": exports.loadable(model), "side": side}
            peers.append(Contender(title, f"inference_peers:{function}", about, needs))
    about = {**options, "kind": "torch", "model": "tf_efficientnet_lite0", "side": side}
    peers.append(Contender("PyTorch", f"inference_peers:{function}", about, TORCH))
    return tuple(ours), tuple({peer.name: peer for peer in peers}.values())


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*/*"))
