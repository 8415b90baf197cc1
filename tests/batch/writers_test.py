import dataclasses
import json
import sys

import pytest

from trash_keras.batch import writers
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Prediction

METADATA = ModelMetadata(("glass", "metal"), 16, "pad")
ROWS = [
    Prediction("a.jpg", {"glass": 0.25, "metal": 0.75}).to_dict(),
    Prediction("b.jpg", {"glass": 0.5, "metal": 0.5}).to_dict(),
]


def read(path):
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path)


def test_both_forms_hold_the_same_rows(tmp_path):
    for form, write in writers.WRITERS.items():
        write(tmp_path / form, ROWS, METADATA)
    assert ROWS[0] == {
        "file": "a.jpg",
        "label": "metal",
        "probability": 0.75,
        "candidates": [{"label": "metal", "probability": 0.75}],
        "probabilities": {"glass": 0.25, "metal": 0.75},
    }
    assert read(tmp_path / "parquet").to_pylist() == ROWS
    assert [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()] == ROWS


def test_sets_are_a_column_of_lists(tmp_path):
    metadata = dataclasses.replace(METADATA, set_threshold=0.3)
    rows = [
        Prediction(f"{p}.jpg", {"glass": 1 - p, "metal": p}, set_threshold=0.3).to_dict()
        for p in (0.25, 0.625)
    ]
    for form, write in writers.WRITERS.items():
        write(tmp_path / form, rows, metadata)
    assert [row["labels"] for row in rows] == [["glass"], ["metal", "glass"]]
    assert read(tmp_path / "parquet").to_pylist() == rows
    writers.write_parquet(tmp_path / "empty", [], metadata)
    assert read(tmp_path / "empty").schema == read(tmp_path / "parquet").schema


def test_columns_do_not_depend_on_the_rows(tmp_path):
    for name, rows in (("full", ROWS), ("empty", [])):
        writers.write_parquet(tmp_path / name, rows, METADATA)
    assert read(tmp_path / "empty").schema == read(tmp_path / "full").schema
    assert read(tmp_path / "empty").num_rows == 0


def test_a_name_that_is_not_utf8_ends_nothing(tmp_path):
    row = {**ROWS[0], "file": b"\xff.jpg".decode(errors="surrogateescape")}
    writers.write_parquet(tmp_path / "x", [row], METADATA)
    assert read(tmp_path / "x").to_pylist()[0]["file"] == "\\udcff.jpg"
    writers.write_jsonl(tmp_path / "y", [row])
    assert json.loads((tmp_path / "y").read_text()) == row


def test_without_pyarrow_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[parquet\]'"):
        writers.require_parquet()
