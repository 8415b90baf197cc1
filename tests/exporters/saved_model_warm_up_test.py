import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from trash_keras.exporters import saved_model
from trash_keras.exporters.model_info import ModelInfo
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata


@pytest.mark.parametrize("side", [16, 224])
def test_each_signature_gets_a_request_that_it_can_serve(classifier, tmp_path, side):
    if side == 16:
        metadata = ModelMetadata(("blue", "green", "red"), 16, "pad")
        info = ModelInfo("Toy", "Toy.", "", {})
        saved_model.write(ExportSpec(classifier, metadata, info, lambda: None), tmp_path)
    else:  # whose requests are longer than one digit of their lengths
        (tmp_path / "1" / "assets.extra").mkdir(parents=True)
        saved_model.write_warm_up(tmp_path / "1", side)
    file = tmp_path / "1" / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    assert file.stat().st_size < 5000
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    # No byte was taken for a field that the parser doesn't know.
    assert [log.SerializeToString(deterministic=True) for log in logs] == records
    requests = [log.predict_log.request for log in logs]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["serving_default", "serve_one", "serve_bytes"]
    for request in requests[:2]:
        image = tf.make_ndarray(request.inputs["image"])
        assert image.shape == (1, side, side, 3) and image.dtype == np.float32
        assert np.unique(image).tolist() == [127]
    (jpeg,) = tf.make_ndarray(requests[2].inputs["encoded"])
    assert tf.io.decode_jpeg(jpeg).shape == (side, side, 3)
    if side == 16:
        loaded = tf.saved_model.load(str(tmp_path / "1"))
        rows = [
            loaded.signatures[request.model_spec.signature_name](
                **{name: tf.constant(tf.make_ndarray(it)) for name, it in request.inputs.items()}
            )["probabilities"]
            for request in requests
        ]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
        np.testing.assert_allclose(rows[0], rows[2], atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 3_000_000])
def test_fields_of_any_length_are_read_back(length):
    content = b"x" * length
    log = prediction_log_pb2.PredictLog.FromString(
        saved_model._field(1, saved_model._field(1, saved_model._field(3, content)))
    )
    assert log.request.model_spec.signature_name == content.decode()
