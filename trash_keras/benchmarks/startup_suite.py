"""How long a command takes to start, and its memory: each turn is a process of its own."""

import os
from collections.abc import Iterator, Sequence

from trash_keras.benchmarks import exports, images
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case, Contender, Metric

SECONDS = Metric("seconds", "", "s")
MEMORY = Metric("memory_mb", "peak memory", "MB")
# What somebody would write by hand to classify one image: {model} and {image} are files.
_SQUARE = (
    "import numpy as np; from PIL import Image; "
    "x = np.asarray(Image.open({image!r}).convert('RGB').resize(({side}, {side})), np.float32); "
)
_SCRIPTS = {
    ".keras": "import keras; m = keras.models.load_model({model!r}, compile=False); "
    "print(m(x[None]))",
    "": "import tensorflow as tf; m = tf.saved_model.load({model!r}); "
    "print(m.signatures['serving_default'](tf.constant(x[None])))",
    ".onnx": "import onnxruntime as ort; s = ort.InferenceSession({model!r}); "
    "print(s.run(None, {{s.get_inputs()[0].name: x[None]}}))",
    ".tflite": "from ai_edge_litert.interpreter import Interpreter; i = Interpreter({model!r}); "
    "i.allocate_tensors(); d = i.get_input_details()[0]; "
    "i.set_tensor(d['index'], x[None].astype(d['dtype'])); i.invoke(); "
    "print(i.get_tensor(i.get_output_details()[0]['index']))",
}
_NAMES = {".keras": "Keras", "": "TensorFlow", ".onnx": "ONNX Runtime", ".tflite": "LiteRT"}


def cases(settings: Settings) -> Iterator[Case]:
    """Yields the cases: help, import, and `predict` of one image with each format."""
    yield _case("--help", ["-m", "trash_keras", "--help"], [("Python alone", ["-c", "pass"], ())])
    yield _case(
        "import",
        ["-c", "import trash_keras"],
        [
            ("Keras", ["-c", "import keras"], ()),
            ("PyTorch", ["-c", "import torch"], ("torch",)),
            ("ONNX Runtime", ["-c", "import onnxruntime"], ("onnxruntime",)),
        ],
    )
    folder = images.write(settings.folder / "few", 12, images.SMALL)
    image = str(next(folder.glob("*/*.jpg")))
    for model in exports.models(settings):
        ending = exports.suffix(model)
        side = exports.image_size(model)
        script = (_SQUARE + _SCRIPTS[ending]).format(
            model=exports.loadable(model), image=image, side=side
        )
        needs = ("onnxruntime",) if ending == ".onnx" else ()
        yield _case(
            f"predict one image, {os.path.basename(model)}",
            ["-m", "trash_keras", "predict", f"--model={model}", image],
            [(f"{_NAMES[ending]}, by hand", ["-c", script], needs)],
        )


def _case(
    name: str, ours: Sequence[str], peers: Sequence[tuple[str, Sequence[str], tuple[str, ...]]]
) -> Case:
    def contender(title: str, arguments: Sequence[str], needs: tuple[str, ...] = ()) -> Contender:
        return Contender(title, "startup_command:command", {"arguments": [*arguments]}, needs)

    others = tuple(contender(*peer) for peer in peers)
    return Case("startup", name, (contender("trash_keras", ours),), others, (SECONDS, MEMORY))
