"""keras.Model -> SavedModel, for TensorFlow Serving and whoever reads TensorFlow's own format."""

from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.contract import UNSURE, Contract
from trash_keras.export import serving_bytes, warm_up

VERSION = "1"  # a run has one model; a server's folder counts models, see docs/serving.md


def write(model: keras.Model, contract: Contract, path: Path) -> None:
    """Writes a folder as TensorFlow Serving takes it: a SavedModel in the version folder `1`.

    Three signatures answer alike:

    `serving_default`: image float32 [batch, side, side, 3], RGB 0..255 -> probabilities float32
    [batch, classes].
    `serve_one`: the same for one picture, float32 [1, side, side, 3], for compilers that want a
    fixed shape.
    `serve_bytes`: encoded string [batch], whole files -> probabilities; class_names string
    [batch, classes]; label string [batch], which is `unsure` up to the contract's threshold;
    probability float32 [batch], the largest one; unsure bool [batch]. It decodes and resizes as in
    training and takes what `serving_bytes.decode` takes; one file that it cannot decode fails the
    whole batch with a message that says so.

    In `assets.extra` lie the contract, the labels and the requests of `warm_up`.

    Args:
        model: Pictures -> probabilities, in inference mode.
        contract: Class names, size and resize of its pictures, and the threshold.
        path: Folder to write.
    """
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
        return _outputs(model(tf.cast(images, tf.float32), training=False), contract)

    # Endpoints bring the variables they use; tracking the model as well stores them twice.
    archive = keras.export.ExportArchive()
    for name, batch in (("serving_default", None), ("serve_one", 1)):
        pictures = tf.TensorSpec((batch, side, side, 3), tf.float32, name="image")
        archive.add_endpoint(name, serve, [pictures])
    archive.add_endpoint(
        "serve_bytes", serve_bytes, [tf.TensorSpec((None,), tf.string, name="encoded")]
    )
    archive.write_out(str(path / VERSION), verbose=False)
    contract.embed(path / VERSION)
    warm_up.write(path / VERSION, side)


def _outputs(probabilities: tf.Tensor, contract: Contract) -> dict[str, tf.Tensor]:
    class_names = tf.constant(contract.class_names)
    probability = tf.reduce_max(probabilities, axis=1)
    # `contract.is_unsure` of the graph, in float64 like it.
    unsure = tf.cast(probability, tf.float64) <= contract.threshold
    label = tf.gather(class_names, tf.argmax(probabilities, axis=1))
    return {
        "probabilities": probabilities,
        # A row each, since REST answers by rows only where all outputs have one for each picture.
        "class_names": tf.tile(class_names[None], (tf.shape(probabilities)[0], 1)),
        "label": tf.where(unsure, UNSURE, label),
        "probability": probability,
        "unsure": unsure,
    }
