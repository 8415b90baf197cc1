"""keras.Model -> ONNX file, for ONNX Runtime and whatever else reads that format."""

from pathlib import Path

import tensorflow as tf

from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ONNX_PACKAGES

OPSET = 18  # of operators: old enough for runtimes of 2023


def write(spec: ExportSpec, path: Path) -> None:
    """Writes an ONNX file that takes any number of images at once.

    By tf2onnx from a TensorFlow function: `model.export(format="onnx")` of Keras 3.15 writes files
    that predict wrongly without saying so.

    Args:
        spec: The model; its metadata becomes metadata properties of the file.
        path: File to write, ending in .onnx. Input `image` float32 [batch, side, side, 3], RGB
            0..255; output `probabilities` float32 [batch, classes].

    Raises:
        ImportError: tf2onnx is not installed.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(ONNX_PACKAGES) from error

    side = spec.metadata.image_size
    signature = [tf.TensorSpec((None, side, side, 3), tf.float32, name="image")]
    function = tf.function(
        lambda image: {"probabilities": spec.model(image, training=False)},
        input_signature=signature,
    )
    converted, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    onnx.helper.set_model_props(converted, spec.metadata.entries())
    onnx.checker.check_model(converted, full_check=True)
    path.write_bytes(converted.SerializeToString())
