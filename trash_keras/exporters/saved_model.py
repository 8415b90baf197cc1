"""keras.Model -> SavedModel, for TensorFlow Serving and whoever reads TensorFlow's own format."""

from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.data.decoding import PAD_VALUE
from trash_keras.exporters import tf_decoding
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import UNSURE, ModelMetadata
from trash_keras.models import folding
from trash_keras.predictor import CANDIDATE_RATIO

VERSION = "1"  # a run has one model; a server's folder counts models, see docs/serving.md


def write(spec: ExportSpec, path: Path) -> None:
    """Writes a folder as TensorFlow Serving takes it: a SavedModel in the version folder `1`.

    Three signatures predict alike:

    `serving_default`: image float32 [batch, side, side, 3], RGB 0..255 -> probabilities float32
    [batch, classes].
    `serve_one`: the same for one image, float32 [1, side, side, 3], for compilers that want a
    fixed shape.
    `serve_bytes`: encoded string [batch], whole files -> probabilities; class_names string
    [batch, classes]; label string [batch], which is `unsure` up to the model's threshold;
    probability float32 [batch], the largest one; unsure bool [batch]; candidate bool [batch,
    classes], which classes it may be, as `Prediction.candidates` has them. It decodes and resizes
    as in training and takes what `tf_decoding.decode` takes; one file that it cannot decode fails
    the whole batch with a message that says so.

    In `assets.extra` lie the metadata, the labels and the requests of `write_warm_up`.

    Args:
        spec: The model and its metadata.
        path: Folder to write.
    """
    model, metadata = folding.for_inference(spec.model), spec.metadata
    side = metadata.image_size

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    def serve_bytes(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(
            lambda one: tf_decoding.resize_to_square(
                tf_decoding.decode(one), side, metadata.resize
            ),
            encoded,
            fn_output_signature=tf.TensorSpec((side, side, 3), tf.uint8),
        )
        return _outputs(model(tf.cast(images, tf.float32), training=False), metadata)

    # Endpoints bring the variables they use; tracking the model as well stores them twice.
    archive = keras.export.ExportArchive()
    for name, batch in (("serving_default", None), ("serve_one", 1)):
        inputs = tf.TensorSpec((batch, side, side, 3), tf.float32, name="image")
        archive.add_endpoint(name, serve, [inputs])
    archive.add_endpoint(
        "serve_bytes", serve_bytes, [tf.TensorSpec((None,), tf.string, name="encoded")]
    )
    archive.write_out(str(path / VERSION), verbose=False)
    metadata.embed(path / VERSION)
    write_warm_up(path / VERSION, side)


def _outputs(probabilities: tf.Tensor, metadata: ModelMetadata) -> dict[str, tf.Tensor]:
    class_names = tf.constant(metadata.class_names)
    probability = tf.reduce_max(probabilities, axis=1)
    # `metadata.is_unsure` of the graph, in float64 like it.
    unsure = tf.cast(probability, tf.float64) <= metadata.threshold
    label = tf.gather(class_names, tf.argmax(probabilities, axis=1))
    return {
        "probabilities": probabilities,
        # A row each, since REST responds by rows only where all outputs have one for each image.
        "class_names": tf.tile(class_names[None], (tf.shape(probabilities)[0], 1)),
        "label": tf.where(unsure, UNSURE, label),
        "probability": probability,
        "unsure": unsure,
        "candidate": probabilities >= CANDIDATE_RATIO * probability[:, None],
    }


FILE = "assets.extra/tf_serving_warmup_requests"
# Fields of the messages PredictionLog, PredictLog, PredictRequest and ModelSpec, from
# tensorflow_serving/apis; all of them hold bytes or a message. Written by hand, they cost no
# dependency on tensorflow-serving-api; the tests read them with it.
_PREDICT_LOG = 6  # of PredictionLog
_REQUEST = 1  # of PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_SIGNATURE_NAME = 3  # of ModelSpec
_KEY, _VALUE = 1, 2  # of an entry of a map


def write_warm_up(saved_model: Path, image_size: int) -> None:
    """Writes a request for each signature, with a grey image.

    Args:
        saved_model: Folder of one version, with its `assets.extra`.
        image_size: Side of the model's images, pixels.
    """
    shape = (1, image_size, image_size, 3)
    # A tensor of one value is stored as that value, whatever its shape.
    original = tf.make_tensor_proto(float(PAD_VALUE), tf.float32, shape).SerializeToString()
    jpeg = tf.io.encode_jpeg(tf.fill(shape[1:], tf.constant(PAD_VALUE, tf.uint8)))
    encoded = tf.make_tensor_proto([jpeg.numpy()]).SerializeToString()
    with tf.io.TFRecordWriter(str(saved_model / FILE)) as file:
        file.write(_request("serving_default", "image", original))
        file.write(_request("serve_one", "image", original))
        file.write(_request("serve_bytes", "encoded", encoded))


def _request(signature: str, name: str, tensor: bytes) -> bytes:
    """Returns a PredictionLog of an input, a TensorProto; servers need no model's name in it."""
    entry = _field(_KEY, name.encode()) + _field(_VALUE, tensor)
    spec = _field(_SIGNATURE_NAME, signature.encode())
    request = _field(_MODEL_SPEC, spec) + _field(_INPUTS, entry)
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    """Encodes a field of bytes: https://protobuf.dev/programming-guides/encoding."""
    length, digits = len(content), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content
