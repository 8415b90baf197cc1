"""keras.Model -> SavedModel, for TensorFlow Serving and whoever reads TensorFlow's own format."""

from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.contract import UNSURE, Contract
from trash_keras.export import serving_bytes


def write(model: keras.Model, contract: Contract, path: Path) -> None:
    """Writes a SavedModel folder with two signatures.

    `serving_default`: image float32 [batch, side, side, 3], RGB 0..255 -> probabilities float32
    [batch, classes]. `serve_bytes`: encoded string [batch], whole files -> the same, and label
    string [batch], which is `unsure` up to the contract's threshold; decodes and resizes as in
    training. It takes what `serving_bytes.decode` takes; one file that it cannot decode fails the
    whole batch with a message that says so.

    Args:
        model: Pictures -> probabilities, in inference mode.
        contract: Class names, size and resize of its pictures, and the threshold.
        path: Folder to write.
    """
    class_names = tf.constant(contract.class_names)
    side = contract.image_size

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    def serve_bytes(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(
            lambda one: serving_bytes.resize_to_square(
                serving_bytes.decode(one), side, contract.resize
            ),
            encoded,
            fn_output_signature=tf.TensorSpec((side, side, 3), tf.uint8),
        )
        probabilities = model(tf.cast(images, tf.float32), training=False)
        label = tf.gather(class_names, tf.argmax(probabilities, axis=1))
        # In float64, as in Python: in float32 a threshold just below 1 is 1.
        confidence = tf.cast(tf.reduce_max(probabilities, axis=1), tf.float64)
        label = tf.where(confidence > contract.threshold, label, UNSURE)
        return {"probabilities": probabilities, "label": label}

    # Endpoints bring the variables they use; tracking the model as well stores them twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "serving_default", serve, [tf.TensorSpec((None, side, side, 3), tf.float32, name="image")]
    )
    archive.add_endpoint(
        "serve_bytes", serve_bytes, [tf.TensorSpec((None,), tf.string, name="encoded")]
    )
    archive.write_out(str(path), verbose=False)
    contract.embed(path)
