"""How much int8 depends on its calibration images, and whether layers should stay float32.

python -m tools.int8_layers --workdir=RUN

Quantizes the model of a run with other training images each time, then with the layers in float32
in which the quantization error grows most, and compares each file with float32 on validation.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags
from ai_edge_litert.interpreter import Interpreter

from trash_keras import config
from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import open_reader
from trash_keras.exporters import int8_report, tflite, tflite_graph
from trash_keras.exporters.model_info import ModelInfo
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.models import inference

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
DRAWS = flags.DEFINE_integer("draws", 4, "Draws of images for calibration.", lower_bound=1)
IMAGES = flags.DEFINE_integer("images", 128, "Training images of each draw.", lower_bound=1)
KEPT = flags.DEFINE_list("kept", "1,3,8,16", "Numbers of layers to keep in float32.")
flags.mark_flags_as_required(["workdir"])


def load(workdir: Path, split: str, count: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reads images of a run, uint8 [N, side, side, 3], and labels [N]; count 0 takes all."""
    data = config.load(workdir / "config.json").data
    catalog = Catalog.load(workdir / "catalog.json")
    catalog = catalog.stratified_sample(split, count) if count else catalog.only(split)
    found = Split(catalog, split, open_reader(data.data_dir, data.data_format))
    images = pipeline.load_split(found.for_model(ModelMetadata.read(workdir / "model.keras")))
    pixels, labels = zip(*images.as_numpy_iterator(), strict=True)
    return np.stack(pixels), np.argmax(labels, axis=1)


def predict(content: bytes, images: np.ndarray) -> np.ndarray:
    """Returns the probabilities of a `.tflite` file: [N, classes]."""
    interpreter = Interpreter(model_content=content)
    run = interpreter.get_signature_runner()
    kind = interpreter.get_input_details()[0]["dtype"]
    rows = [next(iter(run(image=one[None].astype(kind)).values()))[0] for one in images]
    found = np.stack(rows)
    return found * tflite_graph.PROBABILITY_SCALE if found.dtype == np.uint8 else found


def growing(exact: bytes, quantized: bytes, images: np.ndarray) -> list[str]:
    """Returns the tensors of int8 layers, those first in which the error grows most."""
    names = {layer: given for layer, _, _, given in tflite_graph.layers(exact)}
    layers = int8_report.measure(exact, quantized, images[: int8_report.IMAGES])
    layers.sort(key=lambda one: one.input_error**2 - one.error**2)
    ends = set(tflite_graph.names_in_float(exact))
    return [names[one.layer] for one in layers if names[one.layer] not in ends]


def main(paths: Sequence[str]) -> None:
    """Prints a line for each file: accuracy, same class as float32, mean difference."""
    reject_positional_arguments(paths)
    workdir = Path(WORKDIR.value)
    model = inference.load(workdir / "model.keras")
    metadata = ModelMetadata.read(workdir / "model.keras")
    images, labels = load(workdir, "valid")
    many, _ = load(workdir, "train", DRAWS.value * IMAGES.value)
    exact = ExportSpec(model, metadata, ModelInfo("", "", "", {}), lambda: many).as_tflite
    expected = predict(exact, images)

    def show(title: str, content: bytes) -> None:
        found = predict(content, images)
        same = np.mean(found.argmax(1) == expected.argmax(1))
        print(
            f"{title}: accuracy {np.mean(found.argmax(1) == labels):.4f}, same class {same:.4f}, "
            f"mean difference {np.abs(found - expected).mean():.5f}, {len(content)} bytes"
        )

    show("float32", exact)
    for number, draw in enumerate(np.array_split(np.random.default_rng(0).permutation(many),
                                                 DRAWS.value)):  # fmt: skip
        content = tflite.as_int8(exact, draw)
        show(f"int8, draw {number}", content)
    layers = growing(exact, content, draw)
    for count in map(int, KEPT.value):
        content = tflite.as_int8(exact, draw, layers[:count])
        show(f"int8, draw {number}, {count} layers in float32", content)


if __name__ == "__main__":
    import sys

    launch.run(sys.modules[__name__])
