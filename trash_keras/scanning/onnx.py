"""What an `.onnx` file holds, read before ONNX Runtime opens it.

A file may compute from images to probabilities, with all it needs inside: ONNX's own operators
without graphs of their own (Loop, Scan, If), no weights in other files, which it could name
anywhere, and nothing that would not fit into memory. ONNX Runtime computes constants when it loads
a file, so sizes are inferred before.
"""

import os
from collections.abc import Iterator
from typing import Any

from trash_keras.metadata import ONNX_PACKAGES
from trash_keras.scanning import rules

_DOMAINS = ("", "ai.onnx")
_NEVER = frozenset(["Loop", "Scan", "If", "SequenceMap"])
_LARGEST_FILE = 2**31  # bytes, of any protobuf message


def require_safe(path: str | os.PathLike) -> None:
    """Refuses a file that could do more than classify images, or that is broken.

    Args:
        path: An `.onnx` file.

    Raises:
        ImportError: The package onnx is not installed.
        ValueError: Says what is wrong.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(ONNX_PACKAGES) from error

    if os.path.getsize(path) >= _LARGEST_FILE:
        raise ValueError(f"it has more than {_LARGEST_FILE} bytes")
    try:
        model = onnx.load_model(os.fspath(path), load_external_data=False)
    except Exception as error:  # of protobuf
        raise ValueError(f"it is damaged: {error}") from error
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise ValueError("it has functions, training steps or sparse weights of its own")
    for node in model.graph.node:
        _require_known(node)
    for tensor in _tensors(model):
        if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
            raise ValueError(
                f'the weights "{tensor.name}" lie in another file. An .onnx file must hold its own'
            )
        rules.require_tensor(tensor.dims, f'the weights "{tensor.name}"')
    _require_sizes(model)


def _require_known(node: Any) -> None:
    if node.domain not in _DOMAINS:
        raise ValueError(
            f"it has the operator {node.domain}.{node.op_type}. Only ONNX's own operators may occur"
        )
    inner = any(one.HasField("g") or one.graphs for one in node.attribute)
    if node.op_type in _NEVER or inner:
        raise ValueError(
            f"it has the operator {node.op_type}. Operators that loop or branch are refused"
        )


def _tensors(model: Any) -> Iterator[Any]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield sparse.values
                yield sparse.indices


def _require_sizes(model: Any) -> None:
    """Refuses a graph in which a tensor for one image is too large, or of unknown size."""
    import onnx

    for source in model.graph.input:
        for length in source.type.tensor_type.shape.dim[:1]:
            length.dim_value = 1
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # of its C++ side
        raise ValueError(f"its shapes do not fit: {error}") from error
    known: set[str] = set()
    for value in (*graph.value_info, *graph.input, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(one.HasField("dim_value") for one in kind.shape.dim):
            shape = [one.dim_value for one in kind.shape.dim]
            rules.require_tensor(shape, f'the tensor "{value.name}"')
            known.add(value.name)
    # The batch of the output has a name of its own, which stays.
    known.update(value.name for value in graph.output)
    for node in graph.node:
        if unknown := [name for name in node.output if name and name not in known]:
            raise ValueError(f'the size of the tensor "{unknown[0]}" cannot be told')
