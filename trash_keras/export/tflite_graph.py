"""Changes to a finished .tflite file that no converter makes: ends of bytes, and metadata.

The schema of these files comes with LiteRT (https://ai.google.dev/edge/litert); the classes named
`...T` are its tables as Python objects.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FILE_IDENTIFIER = b"TFL3"
METADATA_NAME = b"TFLITE_METADATA"
PROBABILITY_SCALE = 1 / 256  # of the output: a byte of 128 is a probability of 0.5
_ALIGNMENT = 16  # bytes, of weights, which runtimes read where they lie


def names_after_last_convolution(content: bytes) -> list[str]:
    """Returns the names of all tensors that are computed after the last convolution.

    These are pooling, novelty, logits and softmax, and nothing of the backbone.

    Args:
        content: Of a .tflite file.
    """
    model = _read(content)
    graph = model.subgraphs[0]
    kinds = [_kind(model, operator) for operator in graph.operators]
    convolutions = [at for at, kind in enumerate(kinds) if kind == schema.BuiltinOperator.CONV_2D]
    last = max(convolutions, default=-1)
    outputs = [index for operator in graph.operators[last + 1 :] for index in operator.outputs]
    return [graph.tensors[index].name.decode() for index in outputs]


def with_uint8_ends(content: bytes) -> bytes:
    """Makes float input and output bytes: what a camera gives, and probabilities in 256 steps.

    Args:
        content: Of a .tflite file whose one float32 input, RGB 0..255, is at once quantized, and
            whose one float32 output holds probabilities.

    Returns:
        The content with input uint8, scale 1 and zero point 0 (MediaPipe reads bytes so whatever
        the file says), and output uint8, scale 1/256 and zero point 0.

    Raises:
        ValueError: The input is not quantized in steps of 1 from 0, as it is when 0 and 255 occur
            in the pictures for calibration.
    """
    model = _read(content)
    graph = model.subgraphs[0]
    first = next(operator for operator in graph.operators if graph.inputs[0] in operator.inputs)
    found = graph.tensors[first.outputs[0]].quantization
    is_quantize = _kind(model, first) == schema.BuiltinOperator.QUANTIZE
    if not is_quantize or not np.allclose([found.scale[0], found.zeroPoint[0]], [1, -128]):
        raise ValueError(
            "The input of the quantized model must begin at 0 and have steps of 1. Received: "
            + (f"{found.scale}, {found.zeroPoint}" if is_quantize else "no quantized input")
        )
    _make_bytes(graph.tensors[graph.inputs[0]], scale=1.0)
    probabilities = graph.outputs[0]
    output = schema.TensorT()
    output.name, output.shape = b"probabilities", graph.tensors[probabilities].shape
    _make_bytes(output, scale=PROBABILITY_SCALE)
    graph.tensors.append(output)
    quantize = schema.OperatorT()
    quantize.opcodeIndex = first.opcodeIndex
    quantize.inputs = np.array([probabilities], np.int32)
    quantize.outputs = graph.outputs = np.array([len(graph.tensors) - 1], np.int32)
    graph.operators.append(quantize)
    for signature in model.signatureDefs or []:
        signature.outputs[0].tensorIndex = len(graph.tensors) - 1
    return _write(model)


def with_metadata(content: bytes, metadata: bytes) -> bytes:
    """Puts TFLite metadata into a model, in the place of what was there.

    Args:
        content: Of a .tflite file.
        metadata: From `tflite_metadata.encode`.
    """
    model = _read(content)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(metadata, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    others = [other for other in model.metadata or [] if other.name != METADATA_NAME]
    model.metadata = [*others, entry]
    return _write(model)


def _make_bytes(tensor: schema.TensorT, scale: float) -> None:
    tensor.type = schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)


def _kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def _read(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


class _AligningBuilder(flatbuffers.Builder):
    """Lays weights where 16 bytes begin, as the schema wants and its Python classes forget."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def _write(model: schema.ModelT) -> bytes:
    builder = _AligningBuilder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
