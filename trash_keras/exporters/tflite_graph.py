"""Changes to a finished .tflite file that no converter makes: input and output in bytes, metadata.

The schema of these files comes with LiteRT (https://ai.google.dev/edge/litert); the classes named
`...T` are its tables as Python objects.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping

import flatbuffers
import numpy as np
from ai_edge_litert.schema_py_generated import (
    BufferT,
    BuiltinOperator,
    MetadataT,
    Model,
    ModelT,
    OperatorCodeT,
    OperatorT,
    QuantizationParametersT,
    SubGraphT,
    TensorT,
    TensorType,
)

from trash_keras.scanning import litert

FILE_IDENTIFIER = b"TFL3"
METADATA_NAME = b"TFLITE_METADATA"
PROBABILITY_SCALE = 1 / 256  # of the output: a byte of 128 is a probability of 0.5
_ALIGNMENT = 16  # bytes, of weights, which runtimes read where they lie
_LARGE = 100_000  # bytes; logits of many classes have fewer


def names_in_float(content: bytes) -> list[str]:
    """Returns the names of the tensors that an int8 file should compute in float32.

    These are what follows the last convolution (pooling, OOD scaling, logits, softmax), which
    takes next to no time, and a beginning of stem and depthwise convolution, which many networks
    for phones have: each output is a sum of nine rounded products there, and all that follows
    inherits its error. Without it, predictions of an EfficientNet-Lite0 moved twice as far.

    Args:
        content: Of a .tflite file.
    """
    model = _read(content)
    graph = model.subgraphs[0]
    kinds = [_kind(model, operator) for operator in graph.operators]
    depthwise = BuiltinOperator.DEPTHWISE_CONV_2D
    convolutions = [
        at for at, kind in enumerate(kinds) if kind in (BuiltinOperator.CONV_2D, depthwise)
    ]
    after_last = max(convolutions, default=-1) + 1
    second = convolutions[1] if len(convolutions) > 2 else 0
    first = second + 1 if kinds[second] == depthwise else 0
    kept = graph.operators[:first] + graph.operators[after_last:]
    return [graph.tensors[index].name.decode() for one in kept for index in one.outputs]


def input_name(content: bytes) -> str:
    """Returns the name of the input of a .tflite file, which has one."""
    graph = _read(content).subgraphs[0]
    return graph.tensors[graph.inputs[0]].name.decode()


def layers(content: bytes) -> Iterator[tuple[str, str, list[str], str]]:
    """Yields the layer, kind, inputs that are no constants, and output of each operator of a file.

    A layer is called by the tensor's name, without what the converter merged into it, and without
    the models that all convolutions are in.
    """
    model = _read(content)
    graph = model.subgraphs[0]
    names = [tensor.name.decode() for tensor in graph.tensors]
    changing = [model.buffers[tensor.buffer].data is None for tensor in graph.tensors]
    rows = [
        (
            litert.NAMES[_kind(model, one)],
            [names[at] for at in one.inputs if at >= 0 and changing[at]],
            one.outputs[0],
        )
        for one in graph.operators
    ]
    convolutions = [names[given] for kind, _, given in rows if "CONV" in kind]
    models = posixpath.commonpath(convolutions) + "/" if len(convolutions) > 1 else ""
    for kind, taken, given in rows:
        yield names[given].split(";")[0].removeprefix(models), kind, taken, names[given]


def with_uint8_ends(content: bytes) -> bytes:
    """Turns float input and output into bytes: camera pixels, and probabilities in 256 steps.

    Args:
        content: Of a .tflite file whose one float32 input is RGB 0..255, and whose one float32
            output holds probabilities.

    Returns:
        The content with input uint8, scale 1 and zero point 0 (as MediaPipe reads bytes, whatever
        the file says), and output uint8, scale 1/256 and zero point 0.

    Raises:
        ValueError: The input is quantized, but not in steps of 1 from 0, as it is when 0 and 255
            occur in the images for calibration.
    """
    model = _read(content)
    graph = model.subgraphs[0]
    image, probabilities = graph.tensors[graph.inputs[0]], graph.outputs[0]
    first = next(operator for operator in graph.operators if graph.inputs[0] in operator.inputs)
    if _kind(model, first) == BuiltinOperator.QUANTIZE:
        found = graph.tensors[first.outputs[0]].quantization
        if not np.allclose([found.scale[0], found.zeroPoint[0]], [1, -128]):
            raise ValueError(
                "The input of the quantized model must begin at 0 and have steps of 1. "
                f"Received: {found.scale}, {found.zeroPoint}"
            )
        _quantize(image, TensorType.UINT8, 1.0)
    else:
        levels = _add_tensor(graph, b"levels", image.shape)
        _quantize(graph.tensors[levels], TensorType.UINT8, 1.0)
        convert = _operator(model, BuiltinOperator.DEQUANTIZE, levels, graph.inputs[0])
        graph.operators.insert(0, convert)
        image.name, graph.tensors[levels].name = b"floats", image.name
        graph.inputs = np.array([levels], np.int32)
    shares = _add_tensor(graph, b"probabilities", graph.tensors[probabilities].shape)
    _quantize(graph.tensors[shares], TensorType.UINT8, PROBABILITY_SCALE)
    graph.operators.append(_operator(model, BuiltinOperator.QUANTIZE, probabilities, shares))
    graph.outputs = np.array([shares], np.int32)
    for signature in model.signatureDefs or []:
        signature.inputs[0].tensorIndex = graph.inputs[0]
        signature.outputs[0].tensorIndex = shares
    return _write(model)


def with_small_matrices(content: bytes) -> bytes:
    """Stores float32 matrices of more than `_LARGE` bytes in int8, and still computes in float32.

    Args:
        content: Of a .tflite file.

    Returns:
        The content with an operator that makes each of them float32 again; values move by up to
        1/254 of the largest of their matrix.
    """

    def pack(values: np.ndarray, tensor: TensorT) -> np.ndarray:
        scale = float(np.abs(values).max()) / 127 or 1.0
        _quantize(tensor, TensorType.INT8, scale)
        return np.rint(values / scale).astype(np.int8)

    return _with_packed(content, _LARGE, pack)


def with_float16_weights(content: bytes) -> bytes:
    """Stores all float32 constants in float16, and still computes in float32.

    Biases, too: the XNNPACK of LiteRT 1.1 takes no depthwise convolution of two kinds.

    Args:
        content: Of a .tflite file.

    Returns:
        The content with an operator that makes each of them float32 again, as GPUs expect it.
    """

    def pack(values: np.ndarray, tensor: TensorT) -> np.ndarray:
        tensor.type = TensorType.FLOAT16
        limits = np.finfo(np.float16)
        return values.clip(limits.min, limits.max).astype(np.float16)

    packed = _with_packed(content, 0, pack)
    return with_versions(packed, {BuiltinOperator.DEQUANTIZE: 3})


def _with_packed(
    content: bytes, least: int, pack: Callable[[np.ndarray, TensorT], np.ndarray]
) -> bytes:
    """Stores float32 constants of some bytes and more as `pack` says, which sets up the tensor."""
    model = _read(content)
    graph = model.subgraphs[0]
    for index, tensor in enumerate(list(graph.tensors)):
        data = model.buffers[tensor.buffer].data
        if tensor.type != TensorType.FLOAT32 or data is None or len(data) <= least:
            continue
        packed = _add_tensor(graph, tensor.name, tensor.shape)
        values = pack(np.frombuffer(bytes(data), np.float32), graph.tensors[packed])
        model.buffers.append(BufferT())
        model.buffers[-1].data = values.view(np.uint8)
        graph.tensors[packed].buffer, tensor.buffer = len(model.buffers) - 1, 0
        tensor.name += b"/floats"
        graph.operators.insert(0, _operator(model, BuiltinOperator.DEQUANTIZE, packed, index))
    used = {tensor.buffer for tensor in graph.tensors}
    for index in {*range(len(model.buffers))} - used - {one.buffer for one in model.metadata or []}:
        model.buffers[index].data = None
    return _write(model)


def with_versions(content: bytes, versions: Mapping[int, int]) -> bytes:
    """Raises the versions of operators, by which runtimes that are too old refuse a file.

    Args:
        content: Of a .tflite file.
        versions: Kind, of `BuiltinOperator` -> its least version.
    """
    model = _read(content)
    for code in model.operatorCodes:
        code.version = max(code.version, versions.get(_builtin(code), 1))
    return _write(model)


def with_metadata(content: bytes, metadata: bytes) -> bytes:
    """Puts TFLite metadata into a model; replaces what was there.

    Args:
        content: Of a .tflite file.
        metadata: From `tflite_metadata.encode`.
    """
    model = _read(content)
    buffer = BufferT()
    buffer.data = np.frombuffer(metadata, np.uint8)
    model.buffers.append(buffer)
    entry = MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    others = [other for other in model.metadata or [] if other.name != METADATA_NAME]
    model.metadata = [*others, entry]
    return _write(model)


def _add_tensor(graph: SubGraphT, name: bytes, shape: np.ndarray) -> int:
    """Adds a tensor and returns its index."""
    tensor = TensorT()
    tensor.name, tensor.shape = name, shape
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _quantize(tensor: TensorT, kind: int, scale: float) -> None:
    tensor.type = kind
    tensor.quantization = QuantizationParametersT()
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)


def _operator(model: ModelT, kind: int, source: int, target: int) -> OperatorT:
    """Makes an operator from one tensor to another."""
    known = [_builtin(code) for code in model.operatorCodes]
    if kind not in known:
        code = OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 2  # of int8
        model.operatorCodes.append(code)
        known.append(kind)
    operator = OperatorT()
    operator.opcodeIndex = known.index(kind)
    operator.inputs, operator.outputs = np.array([source], np.int32), np.array([target], np.int32)
    return operator


def _kind(model: ModelT, operator: OperatorT) -> int:
    return _builtin(model.operatorCodes[operator.opcodeIndex])


def _builtin(code: OperatorCodeT) -> int:
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def _read(content: bytes) -> ModelT:
    model = ModelT.InitFromObj(Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.size:  # litert-quantizer lays it behind the flatbuffer, where metadata would go
            inside = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data = np.frombuffer(inside, np.uint8)
            buffer.offset = buffer.size = 0
    return model


class _AligningBuilder(flatbuffers.Builder):
    """Lays weights where 16 bytes begin, as the schema wants and its Python classes forget."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def _write(model: ModelT) -> bytes:
    builder = _AligningBuilder()
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
