"""Where quantization goes wrong: the error of each layer of an int8 file beside the float32 one."""

import csv
import dataclasses
import io
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer.utils import tfl_interpreter_utils as interpreters
from tqdm import tqdm

from trash_keras.exporters import tflite_graph
from trash_keras.host import cores, native_output
from trash_keras.storage import local

FILE = "int8_layers.csv"  # in RUN/export/
IMAGES = 16  # of those for calibration
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class LayerError:
    """How far what a layer gives is from float32.

    Attributes:
        layer: Name of what it gives.
        operator: Of TFLite.
        error: Root mean square of the differences, in standard deviations of the float32 values.
        input_error: The largest error of what goes into the layer; 0 where that is exact.
    """

    layer: str
    operator: str
    error: float
    input_error: float


def measure(content: bytes, quantized: bytes, images: np.ndarray) -> list[LayerError]:
    """Compares what every layer of two files gives.

    Args:
        content: Of the float32 `.tflite` file.
        quantized: Of the int8 one that was made of it.
        images: uint8 [N, side, side, 3].

    Returns:
        The layers that both files have, the largest error first.
    """
    noise: dict[str, float] = defaultdict(float)
    power: dict[str, float] = defaultdict(float)
    runs = zip(_values(content, images), _values(quantized, images), strict=True)
    for exact, found in tqdm(runs, "Comparing layers", len(images), unit="image"):
        for name in exact.keys() & found.keys():
            noise[name] += float(np.mean((found[name] - exact[name]) ** 2))
            power[name] += float(np.var(exact[name]))
    errors = {name: (value / (power[name] or 1.0)) ** 0.5 for name, value in noise.items()}
    layers = [
        LayerError(
            layer, kind, errors[given], max([errors.get(name, 0.0) for name in taken], default=0.0)
        )
        for layer, kind, taken, given in tflite_graph.layers(content)
        if given in errors
    ]
    return sorted(layers, key=lambda one: -one.error)


def _values(content: bytes, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """Yields what each tensor holds for each image, as float32."""
    with native_output.without_notes(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the memory that kept tensors take
        interpreter = Interpreter(
            model_content=content,
            num_threads=cores.available(),
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    for image in images:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        yield interpreters.get_tensor_name_to_content_map(interpreter, dequantize=True)


def write(path: Path, layers: Sequence[LayerError]) -> None:
    """Writes a table with the fields of `LayerError`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(LayerError))
    writer.writerows((one.layer, one.operator, f"{one.error:.5f}", f"{one.input_error:.5f}")
                     for one in layers)  # fmt: skip
    local.write_text(path, text.getvalue())


def summary(path: Path) -> str:
    """Returns the layers of the largest errors, from what `write` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[: _SHOWN + 1]
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{layer:<{width}}  {operator:<18}  {error:>8}  {before:>11}"
        for layer, operator, error, before in rows
    )
