import csv
import shutil

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import Model, ModelT, TensorType

from tests.support.export import write_export
from trash_keras.exporters import int8_report, tflite_graph
from trash_keras.exporters.exporter import export


@pytest.fixture(scope="module")
def int8(spec, tmp_path_factory):
    return write_export("int8", spec, tmp_path_factory.mktemp("export")).read_bytes()


def spoil(content):
    """Returns an int8 file with zeros in place of the kernel of one convolution, and its name."""
    model = ModelT.InitFromObj(Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    operator = next(
        one
        for one in graph.operators
        if len(one.inputs) == 3 and graph.tensors[one.inputs[1]].type == TensorType.INT8
    )
    kernel = model.buffers[graph.tensors[operator.inputs[1]].buffer]
    kernel.data = np.zeros_like(kernel.data)
    return tflite_graph._write(model), graph.tensors[operator.outputs[0]].name.decode()


def test_each_layer_has_an_error_and_the_largest_comes_first(spec, int8):
    found = int8_report.measure(spec.as_tflite, int8, spec.calibration())
    errors = [one.error for one in found]
    assert errors == sorted(errors, reverse=True) and 0.001 < errors[0] < 0.2
    assert "CONV_2D" in {one.operator for one in found}
    same = int8_report.measure(spec.as_tflite, spec.as_tflite, spec.calibration())
    assert len(same) >= len(found) and not any(one.error for one in same)


def test_a_layer_that_goes_wrong_is_told_from_those_after_it(spec, int8):
    spoiled, name = spoil(int8)
    found = int8_report.measure(spec.as_tflite, spoiled, spec.calibration())
    layer = next(one for one, _, _, given in tflite_graph.layers(spec.as_tflite) if given == name)
    (wrong,) = [one for one in found if one.layer == layer]
    assert wrong.error > 0.5 and wrong.input_error < 0.1


@pytest.mark.slow
def test_the_command_writes_and_prints_it(script, trained, tmp_path):
    run = shutil.copytree(trained[0], tmp_path / "run")
    table = run / "export" / int8_report.FILE
    flags = (f"--workdir={run}", "--formats=int8", "--timing_rounds=0", "--min_agreement=0")
    done = script("export", *flags, "--int8_report")
    assert done.returncode == 0, done.stderr
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and all(float(row["error"]) >= 0 for row in rows)
    assert f"all in {table}:\nlayer " in done.stdout and rows[0]["layer"] in done.stdout
    assert script("export", *flags).returncode == 0 and not table.exists()  # of another file


def test_without_an_int8_file_it_is_refused(trained):
    with pytest.raises(ValueError, match="--int8_report is about the int8 file: add int8"):
        export(trained[0], ["float32"], int8_report=True)
