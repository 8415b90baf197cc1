import dataclasses
import json
import re
import runpy
import shutil
import sys

import pytest
import tensorflow as tf

from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.evaluation import score
from trash_keras.exporters import exporter, parity, tflite
from trash_keras.exporters.formats import FORMATS, Format
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

pytestmark = pytest.mark.long


def write_another(spec, path):
    """Writes a file that takes each class for the next one."""
    import keras

    turned = keras.ops.roll(spec.model.output, 1, axis=1)
    model = keras.Model(spec.model.input, turned)
    tflite.write_float32(dataclasses.replace(spec, model=model), path)


@pytest.fixture
def run(doubtful, tmp_path, monkeypatch):
    """A finished run, and a format `wrong` that no run should ship: (workdir, data folder)."""
    workdir = shutil.copytree(doubtful[0], tmp_path / "run")
    monkeypatch.setitem(FORMATS, "wrong", Format("model_wrong.tflite", write_another, "", ""))
    return workdir, doubtful[1]


def test_figures_are_those_of_an_evaluation_of_the_file(run):
    workdir, data = run
    facts = exporter.export(workdir, ["float32"], timing_rounds=0)["kinds"]["float32"]
    predictor = Predictor.load(workdir / "export/model_float32.tflite")
    catalog = Catalog.load(workdir / "catalog.json")
    scores = score.predict_split(predictor, Split(catalog, "test", FolderReader(data))).score()
    for figure in ("accuracy", "accuracy_interval", "ece"):
        assert facts[figure] == scores[figure]
    assert re.match(r"TFLiteConverter, keras 3\S+, tensorflow 2", facts["tool"]["made"])
    assert re.fullmatch(r"ai-edge-litert \d\S+", facts["tool"]["answered"])
    assert parity.tool(workdir)["answered"] == f"tensorflow {tf.__version__}"


def test_what_disagrees_is_not_shipped_and_its_images_are_shown(run):
    workdir, _ = run
    (workdir / "export").mkdir()
    (workdir / "export/model_wrong.tflite").write_text("an earlier one")
    facts = exporter.export(workdir, ["wrong", "float32"], timing_rounds=0)
    assert list(facts["kinds"]) == ["float32"] and list(facts["refused"]) == ["wrong"]
    assert json.loads((workdir / "export/export.json").read_text()) == facts
    assert {path.name for path in (workdir / "export").glob("[!.]*")} == {
        "model_float32.tflite", "labels.txt", "export.json", "parity.html"
    }  # fmt: skip
    row = facts["refused"]["wrong"]
    assert row["agreement"] < 0.5 and row["min_agreement"] == 0.98
    classes = ModelMetadata.read(workdir / "model.keras").class_names
    shown = row["worst"][0]
    assert classes.index(shown["answered"]["class"]) == (
        classes.index(shown["expected"]["class"]) + 1
    ) % len(classes)
    page = (workdir / "export/parity.html").read_text()
    assert "<strong>wrong was not shipped</strong>" in page
    assert page.count("data:image/jpeg;base64,") == len(row["worst"]) > 5
    assert "model_wrong" not in (workdir / "report.html").read_text()
    # With a lower bar it may be shipped after all, and the other one stays.
    facts = exporter.export(workdir, ["wrong"], min_agreement=0.0, timing_rounds=0)
    assert list(facts["kinds"]) == ["float32", "wrong"] and not facts["refused"]
    assert (workdir / "export/model_wrong.tflite").exists()


def test_a_file_that_cannot_predict_is_not_kept(run, monkeypatch):
    workdir, _ = run

    def write_nonsense(spec, path):
        path.write_bytes(b"nonsense")
        spec.metadata.embed(path)

    monkeypatch.setitem(FORMATS, "broken", Format("model_broken.tflite", write_nonsense, "", ""))
    with pytest.raises(ValueError, match="cannot be loaded"):
        exporter.export(workdir, ["broken"], timing_rounds=0)
    assert not list((workdir / "export").glob("[!.]*"))


def test_the_command_says_so_in_one_line(run, monkeypatch, capsys):
    workdir, _ = run
    flags = [f"--workdir={workdir}", "--formats=wrong,float32", "--timing_rounds=0"]
    monkeypatch.setattr(sys, "argv", ["trash-keras", "export", *flags])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("trash_keras", run_name="__main__")
    said = capsys.readouterr()
    assert ended.value.code == 1
    (line,) = [line for line in said.err.splitlines() if line.startswith("error:")]
    assert re.search(
        r"Not shipped, since Keras .* less than --min_agreement=0\.98 .*: wrong \(", line
    )
    assert line.endswith(f"The worst images: {workdir}/export/parity.html")
    assert "float32: model_float32.tflite" in said.out and "wrong:" not in said.out
