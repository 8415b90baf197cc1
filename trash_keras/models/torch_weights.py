"""The tensors of a PyTorch `.pth` file, as PyTorch wrote it before version 1.6, without PyTorch.

Such a file is five pickles and then the numbers. `pickle.load` runs what a file asks for, so it is
not used. The few opcodes that tensors need are interpreted here; names of classes and functions
stay strings, and nothing is ever called. The format is that of `_legacy_save` in
https://github.com/pytorch/pytorch/blob/v1.5.0/torch/serialization.py
"""

import hashlib
import io
import math
import pickletools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_DTYPES: dict[str, np.dtype] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}
_KNOWN = {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", *_DTYPES}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


class _Storage(NamedTuple):
    dtype: np.dtype
    key: str
    length: int  # in numbers


class _Tensor(NamedTuple):
    storage: _Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # steps from number to number along each axis


def read(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Reads a file of named tensors in PyTorch's old format.

    Args:
        path: A `.pth` file.
        sha256: Hexadecimal hash of the file; nothing is read from a file that has another.

    Returns:
        Name -> float32 or int64 array, read-only, in the order of the file.

    Raises:
        ValueError: Another file, or one with anything in it but whole float32 and int64 tensors.
        OSError: The file cannot be read.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} must have the SHA-256 {sha256}. Received: {found}")
    try:
        return _arrays(content)
    # A wrong file fails at any step: an empty stack, an unknown key, a list where a name should be.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{path} must hold tensors in PyTorch's old format and nothing else. Found: {error}"
        ) from error


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(content)
    magic, version, system, tensors, keys = (_interpret(stream) for _ in range(5))
    little_endian = isinstance(system, dict) and system.get("little_endian") is True
    if magic != _MAGIC or version != _VERSION or not little_endian:
        raise ValueError("the beginning of another format")
    if not isinstance(tensors, dict) or not all(isinstance(x, _Tensor) for x in tensors.values()):
        raise ValueError("a value that is no tensor")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if keys != sorted(storages):
        raise ValueError("other storages than those of the tensors")
    numbers, offset = {}, stream.tell()
    for key in keys:
        numbers[key] = _numbers(content, offset, storages[key])
        offset += 8 + numbers[key].nbytes
    if offset != len(content):
        raise ValueError(f"{len(content) - offset} bytes after the last storage")
    return {
        name: _laid_out(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()
    }


def _numbers(content: bytes, offset: int, storage: _Storage) -> np.ndarray:
    """Reads one storage: how many numbers it has, in 8 bytes, and the numbers."""
    count = int.from_bytes(content[offset : offset + 8], "little")
    if count != storage.length:
        raise ValueError(f"a storage of {count} numbers instead of {storage.length}")
    if offset + 8 + count * storage.dtype.itemsize > len(content):
        raise ValueError("a storage that is cut off")
    return np.frombuffer(content, storage.dtype, count, offset + 8)


def _laid_out(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    positive = all(type(side) is int and side > 0 for side in tensor.shape)
    if not positive or math.prod(tensor.shape) != len(numbers):
        raise ValueError("a tensor that is not the whole of its storage")
    # NumPy refuses steps that lead out of the storage.
    strides = [step * numbers.itemsize for step in tensor.strides]
    return np.ndarray(tensor.shape, numbers.dtype, numbers, strides=strides)


def _interpret(stream: io.BytesIO) -> Any:
    """Interprets one pickle, up to its end: what it describes, of plain values and tensors."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    value: Any
    for opcode, value, _ in pickletools.genops(stream):
        match opcode.name:
            case "PROTO" | "STOP":
                continue
            case "BINPUT" | "LONG_BINPUT":
                memo[value] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[value])
            case "APPENDS":
                items = _down_to_mark(stack)
                stack[-1].extend(items)
            case "SETITEM":
                items = _popped(stack, 2)
                _set_items(stack[-1], items)
            case "SETITEMS":
                items = _down_to_mark(stack)
                _set_items(stack[-1], items)
            case "BUILD":
                stack.pop()  # attributes of the dictionary: the versions of the network's modules
            case name:
                stack.append(_made(name, value, stack))
    return stack.pop()


def _made(opcode: str, value: Any, stack: list[Any]) -> Any:
    """Returns what an opcode puts on the stack, and takes from there what that is made of."""
    match opcode:
        case "MARK":
            return _MARK
        case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1":
            return value
        case "EMPTY_DICT":
            return {}
        case "EMPTY_LIST":
            return []
        case "TUPLE":
            return tuple(_down_to_mark(stack))
        case "GLOBAL" if value in _KNOWN:
            return value
        case "BINPERSID":
            return _storage(stack.pop())
        case "REDUCE":
            return _reduced(_popped(stack, 2))
    if opcode in _TUPLES:
        return tuple(_popped(stack, _TUPLES[opcode]))
    if opcode in _CONSTANTS:
        return _CONSTANTS[opcode]
    raise ValueError(f"the name {value}" if opcode == "GLOBAL" else f"the pickle opcode {opcode}")


def _popped(stack: list[Any], count: int) -> list[Any]:
    return [stack.pop() for _ in range(count)][::-1]


def _down_to_mark(stack: list[Any]) -> list[Any]:
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _set_items(dictionary: dict[str, Any], items: list[Any]) -> None:
    for name, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(name, str):
            raise ValueError("a key that is no name")
        dictionary[name] = value


def _storage(described: Any) -> _Storage:
    match described:
        case ("storage", str(kind), str(key), "cpu", int(length), None) if kind in _DTYPES:
            return _Storage(_DTYPES[kind], key, length)
    raise ValueError("a storage of another kind")


def _reduced(call: list[Any]) -> dict[str, Any] | _Tensor:
    """Returns what a call would give, for the two calls that describe tensors by name."""
    match call:
        case ["collections OrderedDict", ()]:
            return {}
        case [
            "torch._utils _rebuild_tensor_v2",
            (_Storage() as storage, 0, tuple(shape), tuple(strides), False, {}),
        ]:
            return _Tensor(storage, shape, strides)
    raise ValueError("a call that makes no tensor")
