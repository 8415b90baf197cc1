"""A `.tflite` file from elsewhere is looked at before LiteRT opens it."""

import subprocess
import sys
import time

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator, OperatorCodeT, OperatorT, TensorType

from tests.support import hostile_models
from tests.support.hostile_models import METADATA, with_tflite
from trash_keras.predictor import Predictor


def refused(path, reason):
    start = time.monotonic()
    with pytest.raises(ValueError, match=reason):
        Predictor.load(path)
    assert time.monotonic() - start < 30


def test_a_loop_that_never_ends_is_not_begun(tmp_path):
    refused(hostile_models.write_tflite_loop(tmp_path / "model.tflite"), "3 graphs|operator WHILE")


@pytest.mark.parametrize(
    "name",
    ["WHILE", "IF", "CALL", "CALL_ONCE", "CUSTOM", "VAR_HANDLE", "ASSIGN_VARIABLE", "HASHTABLE",
     "RANGE", "STABLEHLO_CUSTOM_CALL"],
)  # fmt: skip
def test_operators_are_those_that_only_compute(good, tmp_path, name):
    def change(model):
        code, operator = OperatorCodeT(), OperatorT()
        code.builtinCode = getattr(BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        model.operatorCodes.append(code)
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = np.array([0], np.int32), np.array([1], np.int32)
        model.subgraphs[0].operators.append(operator)

    path = with_tflite(good / "model.tflite", tmp_path / "model.tflite", change)
    refused(path, f"has the operator {name}")


def largest(model):
    """Returns the tensor that holds most weights."""
    sizes = [len(buffer.data) if buffer.data is not None else 0 for buffer in model.buffers]
    return max(model.subgraphs[0].tensors, key=lambda tensor: sizes[tensor.buffer])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: setattr(largest(model), "shape", np.array([30000, 30000, 3], np.int32)),
         "values for one image, more than"),
        (lambda model: setattr(largest(model), "shape", np.array([2, 2], np.int32)),
         "has .* bytes, and its shape says"),
        (lambda model: setattr(largest(model), "type", TensorType.STRING), "of a type"),
        (lambda model: setattr(largest(model), "isVariable", True), "keeps state"),
        (lambda model: setattr(largest(model), "buffer", 10**6), "flatbuffer is damaged"),
        (lambda model: setattr(model.buffers[1], "offset", 64), "lies outside|damaged"),
        (lambda model: setattr(model.subgraphs[0].operators[0], "opcodeIndex", 99), "damaged"),
        (lambda model: setattr(model.subgraphs[0].operators[0], "inputs",
                               np.array([10**6], np.int32)), "damaged"),
        (lambda model: model.subgraphs.append(model.subgraphs[0]), "it has 2 graphs"),
        (lambda model: setattr(model, "subgraphs", []), "it has 0 graphs"),
    ],
)  # fmt: skip
def test_tensors_and_operands_are_bounded(good, tmp_path, change, reason):
    refused(with_tflite(good / "model.tflite", tmp_path / "model.tflite", change), reason)


def test_what_a_runtime_makes_of_shapes_is_bounded_too(good, tmp_path):
    def change(model):  # the file says one thing, and the runtime computes another
        graph = model.subgraphs[0]
        image = graph.tensors[graph.inputs[0]]
        image.shape = np.array([1, 16, 16, 4], np.int32)

    path = with_tflite(good / "model.tflite", tmp_path / "model.tflite", change)
    refused(path, "cannot be loaded")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_file_that_was_cut_short_is_refused(good, tmp_path, share):
    content = (good / "model.tflite").read_bytes()
    path = tmp_path / "model.tflite"
    path.write_bytes(content[: int(len(content) * share)])
    METADATA.embed(path)
    refused(path, "cannot be loaded")


PROGRAM = """
import sys
from trash_keras.predictor import Predictor
for path in sys.argv[1:]:
    try:
        Predictor.load(path)
    except ValueError:
        pass
"""


@pytest.mark.slow
def test_flipped_bytes_end_no_process(good, tmp_path):
    generator = np.random.default_rng(0)
    whole = (good / "model.tflite").read_bytes()
    content = np.frombuffer(whole[: whole.index(b"PK\x03\x04")], np.uint8)
    paths = []
    for number in range(300):
        mutated = content.copy()
        places = generator.integers(0, len(content), generator.integers(1, 9))
        mutated[places] = generator.integers(0, 256, len(places))
        paths.append(tmp_path / f"{number}.tflite")
        paths[-1].write_bytes(mutated.tobytes())
        METADATA.embed(paths[-1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, paths)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
