"""Requests that TensorFlow Serving sends to a model before it takes those of clients.

The first call of a signature is many times slower than the next: memory is taken, and kernels are
chosen. https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from pathlib import Path

import tensorflow as tf

from trash_keras.data.decoding import PAD_VALUE

FILE = "assets.extra/tf_serving_warmup_requests"
# Fields of the messages PredictionLog, PredictLog, PredictRequest and ModelSpec, from
# tensorflow_serving/apis; all of them hold bytes or a message. Written by hand, they cost no
# dependency on tensorflow-serving-api; the tests read them with it.
_PREDICT_LOG = 6  # of PredictionLog
_REQUEST = 1  # of PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_SIGNATURE_NAME = 3  # of ModelSpec
_KEY, _VALUE = 1, 2  # of an entry of a map


def write(saved_model: Path, image_size: int) -> None:
    """Writes a request for each signature, with a grey picture.

    Args:
        saved_model: Folder of one version, with its `assets.extra`.
        image_size: Side of the model's pictures, pixels.
    """
    shape = (1, image_size, image_size, 3)
    # A tensor of one value is stored as that value, whatever its shape.
    picture = tf.make_tensor_proto(float(PAD_VALUE), tf.float32, shape).SerializeToString()
    jpeg = tf.io.encode_jpeg(tf.fill(shape[1:], tf.constant(PAD_VALUE, tf.uint8)))
    encoded = tf.make_tensor_proto([jpeg.numpy()]).SerializeToString()
    with tf.io.TFRecordWriter(str(saved_model / FILE)) as file:
        file.write(_request("serving_default", "image", picture))
        file.write(_request("serve_one", "image", picture))
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
