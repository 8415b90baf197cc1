"""keras.Model -> ONNX file, for ONNX Runtime and what else reads that format."""

from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.metadata import ONNX_PACKAGES, ModelMetadata

OPSET = 18  # of operators: old enough for runtimes of 2023


def write(model: keras.Model, metadata: ModelMetadata, path: Path) -> None:
    """Writes an ONNX file that takes any number of images at once.

    By tf2onnx from a TensorFlow function: `model.export(format="onnx")` of Keras 3.15 writes files
    that prediction wrongly without saying so.

    Args:
        model: Images -> probabilities, in inference mode.
        metadata: Class names, and the size and resize of its images; goes into the metadata of
            the file.
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

    side = metadata.image_size
    signature = [tf.TensorSpec((None, side, side, 3), tf.float32, name="image")]
    function = tf.function(
        lambda image: {"probabilities": model(image, training=False)}, input_signature=signature
    )
    converted, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    onnx.helper.set_model_props(converted, metadata.entries())
    onnx.checker.check_model(converted, full_check=True)
    path.write_bytes(converted.SerializeToString())
