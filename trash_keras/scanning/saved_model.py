"""What a SavedModel holds, read before TensorFlow loads it: a SavedModel is a program.

Its operations can write files, keep the images they are given or run forever. No mark in a folder
proves who wrote it, so the content decides: a SavedModel runs by itself if all its operations are
among those that this package's export writes and their like, which only compute.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from trash_keras.scanning import rules

# What `serving_default` may do, which is what runs here.
COMPUTING = rules.names(
    """
    Abs Acos Add AddN AddV2 AdjustContrastv2 All Any ArgMax ArgMin Asin Atan AvgPool AvgPool3D
    BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastArgs BroadcastTo
    Cast Ceil ClipByValue ConcatV2 Const Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
    Cos Cosh Cumsum DepthToSpace DepthwiseConv2dNative DivNoNan Einsum Elu EnsureShape Equal Erf
    Erfc Exp ExpandDims Expm1 ExtractImagePatches Fill Floor FloorDiv FloorMod FusedBatchNormV3
    GatherNd GatherV2 Greater GreaterEqual HSVToRGB Identity IdentityN
    ImageProjectiveTransformV3 IsFinite L2Loss LeakyRelu Less LessEqual LinSpace Log Log1p
    LogicalAnd LogicalNot LogicalOr LogSoftmax LRN MatMul Max Maximum MaxPool MaxPool3D Mean Min
    Minimum MirrorPad Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall
    Placeholder Pow PreventGradient Prod Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6
    Reshape ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 RGBToHSV Roll Round
    Rsqrt ScaleAndTranslate Select SelectV2 Selu Shape Sigmoid Sign Sin Sinh Size Slice Softmax
    Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference
    Squeeze StatefulPartitionedCall StopGradient StridedSlice Sub Sum Tan Tanh Tile TopKV2
    Transpose Unpack VarHandleOp ZerosLike
    """
)
# What `serve_bytes` does besides: it decodes files, one after the other.
DECODING = rules.names(
    """
    Assert BitwiseAnd BitwiseOr BitwiseXor Case DecodeAndCropJpeg DecodeBmp DecodeGif DecodeJpeg
    DecodePng DecodeRaw DecodeWebP DenseBincount ExtractJpegShape If StatelessCase StatelessIf
    StatelessWhile StringJoin StringLength StringSplitV2 Substr TensorListFromTensor
    TensorListGetItem TensorListReserve TensorListSetItem TensorListStack Where While
    """
)
# What restores and saves variables; TensorFlow's loader runs none of it.
_SAVING = rules.names(
    """
    AssignVariableOp DisableCopyOnRead MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename
    StaticRegexFullMatch
    """
)
# Operations outside of these lists that a person should hear of first.
_ON_FILES = ("File", "Directory", "Save", "Restore", "Checkpoint", "Print", "Summary", "Dataset",
             "Reader", "Iterator", "Initialize", "PyFunc", "Assign", "Queue", "Table")  # fmt: skip
_OBJECTS = frozenset(["bare_concrete_function", "captured_tensor", "constant", "function",
                      "user_object", "variable"])  # fmt: skip
_LARGEST = 2**30  # bytes of the graph; weights lie beside it
_FILE = "saved_model.pb"


def foreign_operations(folder: str | os.PathLike) -> list[str]:
    """Lists what a SavedModel does beyond what a classifier needs.

    Args:
        folder: Of one version, with `saved_model.pb`.

    Returns:
        Names of operations, those on files, variables and Python code first; empty for a
        SavedModel that may run by itself.

    Raises:
        ValueError: It is damaged, or not in TensorFlow 2's form.
    """
    meta_graph = _read(Path(folder))
    graph = meta_graph.graph_def
    functions = {function.signature.name: function for function in graph.library.function}
    served = _reached(meta_graph, meta_graph.signature_def, functions)
    run_here = _reached(meta_graph, ["serving_default"], functions)
    found: set[str] = set()
    for name, function in functions.items():
        allowed = COMPUTING if name in run_here else COMPUTING | DECODING
        if name not in served:
            allowed = allowed | _SAVING
        found |= _operations(function.node_def, functions) - allowed
    found |= _operations(graph.node, functions) - COMPUTING
    found |= _objects(meta_graph)
    return sorted(found, key=lambda name: (not any(word in name for word in _ON_FILES), name))


def _read(folder: Path) -> Any:
    # TensorFlow would take these in place of the file that is looked at.
    for name in ("saved_model.cpb", "saved_model.pbtxt"):
        if (folder / name).exists():
            raise ValueError(f"it holds {name}. Only {_FILE} is read")
    if (folder / _FILE).stat().st_size > _LARGEST:
        raise ValueError(f"{_FILE} has more than {_LARGEST} bytes")
    found = saved_model_pb2.SavedModel()
    try:
        found.ParseFromString((folder / _FILE).read_bytes())
    except DecodeError as error:
        raise ValueError(f"{_FILE} is damaged") from error
    if len(found.meta_graphs) != 1 or not found.meta_graphs[0].HasField("object_graph_def"):
        raise ValueError(f"{_FILE} is not in TensorFlow 2's form, with one graph")
    if "serving_default" not in found.meta_graphs[0].signature_def:
        raise ValueError("it has no signature serving_default")
    return found.meta_graphs[0]


def _reached(meta_graph: Any, signatures: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """Returns the names of the functions that some signatures call, at any depth."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    left = [
        tensor.name.split(":")[0]
        for name in signatures
        for tensor in meta_graph.signature_def[name].outputs.values()
    ]
    reached: set[str] = set()  # names of nodes outside of functions
    while left:
        name = left.pop()
        if name in nodes and name not in reached:
            reached.add(name)
            left += [source.lstrip("^").split(":")[0] for source in nodes[name].input]
    calls = [_called(nodes[name], functions) for name in reached]
    found: set[str] = set()
    while calls:
        for name in calls.pop() - found:
            found.add(name)
            calls += [_called(node, functions) for node in functions[name].node_def]
    return found


def _called(node: Any, functions: dict[str, Any]) -> set[str]:
    names = {node.op}
    for value in node.attr.values():
        names.add(value.func.name)
        names.update(function.name for function in value.list.func)
    return names & functions.keys()


def _operations(nodes: Iterable[Any], functions: dict[str, Any]) -> set[str]:
    """Returns the kinds of some nodes, and checks how large their constants are."""
    for tensor in _constants(nodes):
        lengths = [axis.size for axis in tensor.tensor_shape.dim]
        rules.require_tensor(lengths, "a constant in it")
    return {node.op for node in nodes} - functions.keys()


def _constants(nodes: Iterable[Any]) -> Iterator[Any]:
    return (node.attr["value"].tensor for node in nodes if node.op == "Const")


def _objects(meta_graph: Any) -> set[str]:
    """Returns what else TensorFlow would bring to life: tables, assets, savers of their own."""
    found = {node.WhichOneof("kind") or "unknown" for node in meta_graph.object_graph_def.nodes}
    if any(node.saveable_objects for node in meta_graph.object_graph_def.nodes):
        found.add("saveable_object")
    return found - _OBJECTS
