"""keras.Model -> TFLite files, for phones, browsers and microcontrollers.

Each takes one image at a time, [1, side, side, 3], and returns probabilities [1, classes]. All come
from one float32 file: TensorFlow converts the model once, and the rest is post-training
quantization.
"""

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trash_keras.exporters import model_info, quantization, tflite_graph, tflite_metadata
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata

# A byte of 255 is the surest prediction of an int8 file; a threshold up to here lets it through.
HIGHEST_THRESHOLD = 254.5 * tflite_graph.PROBABILITY_SCALE


def write_float32(spec: ExportSpec, path: Path) -> None:
    """Writes float32 weights and computation; input float32, RGB 0..255."""
    _write(spec, path, spec.as_tflite)


def write_float16(spec: ExportSpec, path: Path) -> None:
    """Writes float16 weights, computed with in float32 on CPUs; input float32, RGB 0..255."""
    _write(spec, path, tflite_graph.with_float16_weights(spec.as_tflite))


def write_dynamic(spec: ExportSpec, path: Path) -> None:
    """Writes int8 weights; computes in float32 in between; input float32, RGB 0..255."""
    _write(spec, path, quantization.dynamic_range(spec.as_tflite))


def write_int8(spec: ExportSpec, path: Path) -> None:
    """Writes int8 weights and activations; input uint8, RGB; output uint8, probability * 256.

    Both ends are computed in float32, see `tflite_graph.names_in_float`.
    """
    content = as_int8(spec.as_tflite, spec.calibration())
    _write(spec, path, content, clip_threshold_to_uint8(spec.metadata))


def as_int8(content: bytes, images: np.ndarray, in_float: Sequence[str] = ()) -> bytes:
    """Quantizes a float32 file to int8, with bytes as input and output.

    Args:
        content: From `ExportSpec.as_tflite`.
        images: For calibration, uint8 [N, side, side, 3], RGB.
        in_float: Names of tensors; what gives them computes in float32, as both ends do.
    """
    kept = [*tflite_graph.names_in_float(content), *in_float]
    quantized = quantization.int8(content, images, kept)
    return tflite_graph.with_uint8_ends(tflite_graph.with_small_matrices(quantized))


def _write(
    spec: ExportSpec, path: Path, content: bytes, metadata: ModelMetadata | None = None
) -> None:
    """Writes a file with TFLite metadata, our metadata, labels and the origin of the model."""
    metadata = metadata or spec.metadata
    encoded = tflite_metadata.encode(metadata, spec.info)
    path.write_bytes(tflite_graph.with_metadata(content, encoded))
    metadata.embed(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(model_info.ENTRY), spec.info.to_json())


def clip_threshold_to_uint8(metadata: ModelMetadata) -> ModelMetadata:
    """Returns the metadata of an int8 file, whose largest byte passes every threshold below 1.

    Args:
        metadata: Of the model.

    Returns:
        The same with thresholds of `HIGHEST_THRESHOLD` at most; 1, always unsure, stays.
    """
    names = ("threshold", "set_threshold")
    clipped = {
        name: min(threshold, HIGHEST_THRESHOLD)
        for name, threshold in ((name, getattr(metadata, name)) for name in names)
        if threshold is not None and threshold < 1
    }
    return dataclasses.replace(metadata, **clipped)
