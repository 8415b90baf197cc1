"""Post-training quantization of a float32 .tflite file, by litert-quantizer.

Weights become int8 by channel, and ranges of int8 activations are those of images for calibration.
Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, with scales a channel of each kernel as in Krishnamoorthi, "Quantizing deep
convolutional networks for efficient inference", 2018, section 3.1.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from ai_edge_litert.schema_py_generated import BuiltinOperator
from litert_quantizer import qtyping, recipe
from litert_quantizer.calibrator import CalibrationMode, Calibrator
from litert_quantizer.quantizer import Quantizer
from litert_quantizer.recipe_manager import RecipeManager
from litert_quantizer.utils.qsv_utils import min_max_update
from tqdm import tqdm

from trash_keras.exporters import tflite_graph
from trash_keras.host import cores, native_output

_ANY = qtyping.TFLOperationName.ALL_SUPPORTED
# Kind of operator -> its first version that takes float32 and scales a channel. litert-quantizer
# leaves them at 1, and runtimes before TensorFlow 2.17 would compute nonsense.
_DYNAMIC = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 12}
_FEW = 1024  # weights of an operator, which stay float32: their error costs more than their bytes
_ENDS = (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT)
_IN_FLOAT = "no_quantize"


def dynamic_range(content: bytes) -> bytes:
    """Stores the weights of a .tflite file in int8; activations are float32 in between."""
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            8, granularity=qtyping.QuantGranularity.CHANNELWISE
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER,
        min_weight_elements=_FEW,
    )
    quantizer = Quantizer(content)
    for kind in _DYNAMIC:
        quantizer.update_quantization_recipe(".*", qtyping.TFLOperationName(kind), config)
    versions = {getattr(BuiltinOperator, kind): version for kind, version in _DYNAMIC.items()}
    return tflite_graph.with_versions(_quantized(quantizer), versions)


def int8(content: bytes, images: np.ndarray, in_float: Sequence[str]) -> bytes:
    """Stores weights and activations of a .tflite file in int8; both ends stay float32.

    Args:
        content: Of a file with one float32 input, RGB 0..255.
        images: For calibration, uint8 [N, side, side, 3]; each range spans all of them.
        in_float: Names of tensors; the operators that give them compute in float32.
    """
    quantizer = Quantizer(content, recipe.static_wi8_ai8())
    for end in _ENDS:
        quantizer.update_quantization_recipe(".*", end, algorithm_key=_IN_FLOAT)
    for name in in_float:
        exactly = f"^{re.escape(name)};$"
        quantizer.update_quantization_recipe(exactly, _ANY, algorithm_key=_IN_FLOAT)
    ranges = _calibrate(content, images)
    # Whole levels are its steps, also where the images do not reach both ends.
    ranges[tflite_graph.input_name(content)] = {"min": np.zeros(1), "max": np.full(1, 255.0)}
    return _quantized(quantizer, ranges)


def _calibrate(content: bytes, images: np.ndarray) -> dict[str, qtyping.QSV]:
    """Returns the range of each tensor."""
    # LiteRT's profiler takes them, several times as fast as reading each tensor.
    mode = CalibrationMode.CALIBRATION_PROFILER_BASED
    with native_output.without_notes():
        calibrator = Calibrator(content, cores.available(), mode, min_max_update)
    ((signature, ends),) = calibrator.get_signature_list().items()
    (name,) = ends["inputs"]
    for image in tqdm(images, desc="Calibrating int8", unit="image"):
        sample = {name: image[None].astype(np.float32)}
        with _quiet():
            calibrator.calibrate({signature: [sample]}, RecipeManager())
    return calibrator.get_model_qsvs()


def _quantized(quantizer: Quantizer, ranges: dict[str, qtyping.QSV] | None = None) -> bytes:
    with _quiet(), native_output.without_notes():
        result = quantizer.quantize(ranges, enable_progress_report=False)
    assert result.quantized_model is not None
    return bytes(result.quantized_model)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides bars of litert-quantizer, one an image, and its warning that it debugs."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
