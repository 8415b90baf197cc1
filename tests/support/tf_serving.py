"""As much of TensorFlow Serving as docs/serving.md uses, around an exported folder of versions.

gRPC: `PredictionService.Predict` and `GetModelMetadata` of tensorflow-serving-api. REST: status,
and `:predict` in rows and columns, after https://www.tensorflow.org/tfx/serving/api_rest.
"""

import base64
import contextlib
import json
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.support import http_server


class Model:
    """The newest version of a model, called by signature."""

    def __init__(self, folder):
        self.version = max(int(path.name) for path in folder.iterdir())
        path = folder / str(self.version)
        self._loaded = tf.saved_model.load(str(path))
        stored = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        self.signature_defs = dict(stored.meta_graphs[0].signature_def)

    def inputs_of(self, signature):
        if signature not in self._loaded.signatures:
            raise KeyError(f'Serving signature name: "{signature}" not found in signature def')
        return self._loaded.signatures[signature].structured_input_signature[1]

    def predict(self, signature, inputs):
        """Arrays by name -> arrays by name."""
        if inputs.keys() != self.inputs_of(signature).keys():
            raise KeyError(f"inputs of {signature} are {[*self.inputs_of(signature)]}")
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = self._loaded.signatures[signature](**tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """gRPC."""

    def __init__(self, name, model):
        self._name, self._model = name, model

    def _check(self, spec, context):
        if spec.name != self._name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {spec.name}")

    def Predict(self, request, context):  # noqa: N802 (gRPC's name)
        self._check(request.model_spec, context)
        signature = request.model_spec.signature_name or "serving_default"
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        try:
            outputs = self._model.predict(signature, inputs)
        except (KeyError, tf.errors.InvalidArgumentError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self._name
        response.model_spec.version.value = self._model.version
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self._check(request.model_spec, context)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in self._model.signature_defs.items():
            signatures.signature_def[name].CopyFrom(signature)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        for field in request.metadata_field:
            response.metadata[field].Pack(signatures)
        return response


def _handler(name, model):
    class Handler(http_server.Handler):
        """REST."""

        def reply(self):
            self._predict() if self.command == "POST" else self._status()

        def _status(self):
            if self.path != f"/v1/models/{name}":
                return self._send(404, {"error": f"Malformed request: GET {self.path}"})
            status = {"error_code": "OK", "error_message": ""}
            state = {"version": str(model.version), "state": "AVAILABLE", "status": status}
            return self._send(200, {"model_version_status": [state]})

        def _predict(self):
            if self.path != f"/v1/models/{name}:predict":
                return self._send(404, {"error": f"Malformed request: POST {self.path}"})
            body = json.loads(self.body())
            signature = body.pop("signature_name", "serving_default")
            try:
                expected = model.inputs_of(signature)
                read = _from_columns if "inputs" in body else _from_rows
                outputs = model.predict(signature, read(expected, **body))
            except (KeyError, TypeError, tf.errors.InvalidArgumentError) as error:
                return self._send(400, {"error": str(error)})
            write = _to_columns if "inputs" in body else _to_rows
            return self._send(200, write(outputs))

        def _send(self, status, value):
            content = json.dumps(value, indent=4).encode()
            self.respond(status, content, {"Content-Type": "application/json"})

    return Handler


def _from_rows(expected, instances):
    rows = [
        row if isinstance(row, dict) and "b64" not in row else {next(iter(expected)): row}
        for row in instances
    ]
    return _from_columns(expected, {name: [row[name] for row in rows] for name in rows[0]})


def _from_columns(expected, inputs):
    if not (isinstance(inputs, dict) and inputs.keys() <= expected.keys()):
        inputs = {next(iter(expected)): inputs}
    return {
        name: np.array(_decoded(values), expected[name].dtype.as_numpy_dtype)
        for name, values in inputs.items()
    }


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _to_rows(outputs):
    lengths = {len(value) for value in outputs.values()}
    assert len(lengths) == 1, "TensorFlow Serving has rows only where all outputs have as many"
    columns = _plain(outputs)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {"predictions": next(iter(columns.values())) if len(columns) == 1 else rows}


def _to_columns(outputs):
    columns = _plain(outputs)
    return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}


def _plain(outputs):
    assert not any(name.endswith("_bytes") for name in outputs), "these would be base64"
    return {
        name: np.char.decode(value.astype(bytes), "utf-8").tolist()
        if value.dtype == object
        else value.tolist()
        for name, value in outputs.items()
    }


@contextlib.contextmanager
def serving(folder, name):
    """Serves a folder of versions on loopback; gives the addresses of gRPC and of REST."""
    model = Model(folder)
    rpc = grpc.server(futures.ThreadPoolExecutor(2))
    service = PredictionService(name, model)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, rpc)
    rpc_port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    try:
        with http_server.serving(_handler(name, model)) as rest:
            yield f"127.0.0.1:{rpc_port}", f"127.0.0.1:{rest.server_port}"
    finally:
        rpc.stop(None).wait()
