"""keras.Model -> TFLite files, for phones, browsers and microcontrollers.

Each takes one image at a time, [1, side, side, 3], and returns probabilities [1, classes].
Post-training quantization: int8 and dynamic range quantize weights channel by channel.
"""

import dataclasses
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.exporters import model_info, tflite_graph, tflite_metadata
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata

# A byte of 255 is the surest prediction of an int8 file; a threshold up to here lets it through.
HIGHEST_THRESHOLD = 254.5 * tflite_graph.PROBABILITY_SCALE


def write_float32(spec: ExportSpec, path: Path) -> None:
    """Writes float32 weights and computation; input float32, RGB 0..255."""
    _convert(spec, path)


def write_float16(spec: ExportSpec, path: Path) -> None:
    """Writes float16 weights, computed with in float32 on CPUs; input float32, RGB 0..255."""
    _convert(
        spec,
        path,
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec={"supported_types": [tf.float16]},
    )


def write_dynamic(spec: ExportSpec, path: Path) -> None:
    """Writes int8 weights; computes in float32 in between; input float32, RGB 0..255."""
    _convert(spec, path, optimizations=[tf.lite.Optimize.DEFAULT])


def write_int8(spec: ExportSpec, path: Path) -> None:
    """Writes int8 weights and activations; input uint8, RGB; output uint8, probability * 256.

    Both ends are computed in float32, see `tflite_graph.names_in_float`. Jacob et al.,
    "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    CVPR 2018, with scales a channel of each kernel as in Krishnamoorthi, "Quantizing deep
    convolutional networks for efficient inference", 2018, section 3.1.
    """
    images = spec.calibration().astype(np.float32)
    images[0, 0, 0], images[0, 0, 1] = 0, 255  # so that input steps are whole levels of 0..255
    with tempfile.TemporaryDirectory() as folder:
        _endpoint(spec, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _samples(images)
        # The way in which TensorFlow lets single operations stay as they are.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
            quantizer = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=lambda: _samples(images[:1])
            )
            kept = tflite_graph.names_in_float(quantizer.calibrated_model)
            quantizer.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
        content = quantizer.get_nondebug_quantized_model()
    content = tflite_graph.with_small_matrices(content)
    path.write_bytes(tflite_graph.with_uint8_ends(content))
    _describe(spec, path, clip_threshold_to_uint8(spec.metadata))


def _endpoint(spec: ExportSpec, folder: str) -> None:
    side = spec.metadata.image_size
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serve",
        lambda image: spec.model(image, training=False),
        [tf.TensorSpec((1, side, side, 3), tf.float32, name="image")],
    )
    archive.write_out(folder, verbose=False)


def _samples(images: np.ndarray) -> Iterator[list[np.ndarray]]:
    quiet = len(images) < 2
    for image in tqdm(images, desc="Calibrating int8", unit="image", disable=quiet):
        yield [image[None]]


def _convert(spec: ExportSpec, path: Path, **options: Any) -> None:
    side = spec.metadata.image_size
    signature = [keras.InputSpec(shape=(1, side, side, 3), dtype="float32", name="image")]
    spec.model.export(
        str(path), format="litert", input_signature=signature, verbose=False, **options
    )
    _describe(spec, path, spec.metadata)


def _describe(spec: ExportSpec, path: Path, metadata: ModelMetadata) -> None:
    """Puts TFLite metadata, our metadata, labels and the origin of the model into a file."""
    encoded = tflite_metadata.encode(metadata, spec.info)
    path.write_bytes(tflite_graph.with_metadata(path.read_bytes(), encoded))
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
