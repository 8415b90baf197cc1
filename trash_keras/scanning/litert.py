"""What a `.tflite` file holds, read before LiteRT opens it.

A file may compute from one image to one row of probabilities, and no more: operators of
`OPERATORS` only, which have no loops, no calls, no state and no code of others, so that each runs
once; and tensors that fit into memory and into the file.
"""

import math
import mmap
import os
import struct
from collections.abc import Iterator
from typing import Any

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model, TensorType

from trash_keras.scanning import rules

OPERATORS = rules.names(
    """
    ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FLOOR FLOOR_DIV
    FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GELU GREATER GREATER_EQUAL HARD_SWISH
    L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOCAL_RESPONSE_NORMALIZATION LOG
    LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
    MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN
    REDUCE_PROD RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT SELECT_V2 SHAPE SIGN SIN SLICE SOFTMAX
    SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV UNPACK
    ZEROS_LIKE
    """
)
# Number of an operator -> its name.
NAMES = {code: name for name, code in vars(BuiltinOperator).items() if isinstance(code, int)}
# Type -> bits of a value; others have no place in a classifier.
_BITS = {
    TensorType.FLOAT32: 32, TensorType.FLOAT16: 16, TensorType.INT32: 32, TensorType.INT64: 64,
    TensorType.INT16: 16, TensorType.INT8: 8, TensorType.UINT8: 8, TensorType.INT4: 4,
    TensorType.BOOL: 8,
}  # fmt: skip
_IDENTIFIER = b"TFL3"
_MOST = 100_000  # tensors, and operators: a file of 4 MB has hundreds


def require_safe(path: str | os.PathLike) -> None:
    """Refuses a file that could do more than classify an image, or that is broken.

    Args:
        path: A `.tflite` file.

    Raises:
        ValueError: Says what is wrong.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[4:8] != _IDENTIFIER:
            raise ValueError("it is no .tflite file")
        try:
            _require_graph(content)
        except (struct.error, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("its flatbuffer is damaged") from error


def _require_graph(content: Any) -> None:
    model = Model.GetRootAs(content, 0)
    if model.SubgraphsLength() != 1:
        raise ValueError(f"it has {model.SubgraphsLength()} graphs. A classifier has one")
    graph = model.Subgraphs(0)
    kinds = [_operator(model, index) for index in _indices(model.OperatorCodesLength())]
    for index in _indices(graph.OperatorsLength()):
        code = graph.Operators(index).OpcodeIndex()
        if code >= len(kinds):
            raise IndexError(code)
        if kinds[code] not in OPERATORS:
            raise ValueError(
                f"it has the operator {kinds[code]}. Operators that loop, call, keep state or run "
                "code of others are refused"
            )
        _require_operands(graph, graph.Operators(index))
    for index in _indices(graph.TensorsLength()):
        _require_tensor(model, graph.Tensors(index), len(content))


def _indices(count: int) -> range:
    if count > _MOST:
        raise ValueError(f"it lists {count} parts, more than the {_MOST} allowed")
    return range(count)


def _operator(model: Any, index: int) -> str:
    code = model.OperatorCodes(index)
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    return NAMES.get(number, str(number))


def _require_operands(graph: Any, operator: Any) -> None:
    """Raises IndexError where an operator names a tensor that there is not."""
    tensors = graph.TensorsLength()
    for operand in _operands(operator):
        if not -1 <= operand < tensors:  # -1: left out
            raise IndexError(operand)


def _operands(operator: Any) -> Iterator[int]:
    yield from (operator.Inputs(at) for at in _indices(operator.InputsLength()))
    yield from (operator.Outputs(at) for at in _indices(operator.OutputsLength()))


def _require_tensor(model: Any, tensor: Any, file_size: int) -> None:
    name = (tensor.Name() or b"").decode(errors="replace")
    shape = [tensor.Shape(at) for at in _indices(tensor.ShapeLength())]
    rules.require_tensor(shape, f'the tensor "{name}"')
    if tensor.Type() not in _BITS:
        raise ValueError(f'the tensor "{name}" is of a type that no classifier needs')
    if tensor.IsVariable():
        raise ValueError(f'the tensor "{name}" keeps state from one image to the next')
    if tensor.Buffer() >= model.BuffersLength():
        raise IndexError(tensor.Buffer())
    buffer = model.Buffers(tensor.Buffer())
    if buffer.Size() or buffer.Offset() or tensor.ExternalBuffer():
        raise ValueError(f'the tensor "{name}" lies outside of the flatbuffer')
    length = buffer.DataLength()
    if length > file_size:
        raise IndexError(length)
    expected = (math.prod(shape) * _BITS[tensor.Type()] + 7) // 8
    if length and length != expected and tensor.Sparsity() is None:
        raise ValueError(f'the tensor "{name}" has {length} bytes, and its shape says {expected}')
