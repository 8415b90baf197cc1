"""docs/serving.md does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.support import tf_serving
from trash_keras.exporters import saved_model
from trash_keras.exporters.model_info import ModelInfo
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor

TEXT = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
TEXT = TEXT.split("\n## The HTTP service\n")[0]  # tests/serving/script_test.py runs that
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
SHELL, PYTHON, JSON, PLAIN = (
    [block for language, block in BLOCKS if language == wanted]
    for wanted in ("bash", "python", "json", "")
)
STATUS, ROWS, COLUMNS = (block for block in SHELL if "curl" in block)
FILES = ["photo.jpg", "bottle.png"]
METADATA = ModelMetadata(("blue", "green", "red"), 16, "stretch", threshold=0.4)


@pytest.fixture(scope="module")
def folder(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "saved_model"
    info = ModelInfo("Toy", "Toy.", "", {})
    saved_model.write(ExportSpec(classifier, METADATA, info, lambda: None), path)
    return path


@pytest.fixture(scope="module")
def room(folder, tmp_path_factory):
    """A folder with the images of the examples."""
    path = tmp_path_factory.mktemp("room")
    generator = np.random.default_rng(0)
    for file in FILES:
        pixels = generator.integers(0, 256, (4, 5, 3), np.uint8).repeat(9, 0).repeat(9, 1)
        Image.fromarray(pixels).save(path / file)
    return path


@pytest.fixture(scope="module")
def expected(folder, room):
    """What `predict` says of them."""
    return list(Predictor.load(folder).predict_stream([str(room / file) for file in FILES]))


@pytest.fixture(scope="module")
def addresses(folder):
    with tf_serving.serving(folder, "trash") as found:
        yield found


@pytest.fixture
def run_shell(room, addresses):
    """Runs an example, which names port 8501, and returns the response."""

    def run(block):
        assert "localhost:8501" in block
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace("localhost:8501", addresses[1])],
            cwd=room, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert not done.stderr
        return json.loads(done.stdout)

    return run


def assert_predictions(predictions, expected):
    """Predictions by rows are those of `predict`."""
    for found, prediction in zip(predictions, expected, strict=True):
        named = dict(zip(found["class_names"], found["probabilities"], strict=True))
        # Within 0.01, since another library decodes.
        assert named == pytest.approx(prediction.probabilities, abs=0.01)
        assert found["probability"] == max(found["probabilities"])
        assert found["label"] == prediction.label
        assert found["unsure"] == (prediction.label == "unsure")


def test_the_status_is_told(run_shell):
    (version,) = run_shell(STATUS)["model_version_status"]
    assert (version["version"], version["state"]) == ("1", "AVAILABLE")


def test_files_are_classified_by_rows(run_shell, expected):
    predicted = run_shell(ROWS)
    assert_predictions(predicted["predictions"], expected[:1])
    (shown,) = map(json.loads, JSON)
    assert [{name: type(it) for name, it in row.items()} for row in predicted["predictions"]] == [
        {name: type(it) for name, it in row.items()} for row in shown["predictions"]
    ]


def test_files_are_classified_by_columns(run_shell, expected):
    columns = run_shell(COLUMNS)["outputs"]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert_predictions(rows, expected)


def test_what_is_no_image_is_refused_over_rest(run_shell, room):
    refused = run_shell(ROWS.replace("photo.jpg", "/dev/null"))
    assert refused.keys() == {"error"} and "serve_bytes takes JPEG" in refused["error"]


def test_grpc_classifies_files_and_squares_and_says_what_it_serves(
    addresses, room, expected, monkeypatch, capsys
):
    monkeypatch.chdir(room)
    said = {}
    for block in PYTHON:
        block = block.replace("localhost:8500", addresses[0]).replace("224", "16")
        exec(compile(block, "docs/serving.md", "exec"), said)
    files = said["predictions"]
    names = ("class_names", "label")
    files |= {name: np.char.decode(files[name].astype(bytes)) for name in names}
    columns = {name: values.tolist() for name, values in files.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert_predictions(rows, expected)
    np.testing.assert_allclose(
        said["probabilities"], [list(prediction.probabilities.values()) for prediction in expected],
        atol=1e-5,
    )  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"photo.jpg: {rows[0]['label']} {rows[0]['probability']:.3f}"
    signatures = {"serve_bytes", "serve_one", "serving_default"}
    assert signatures <= set(said["signatures"]) and printed[2] == str(sorted(said["signatures"]))

    bad = said["predict_pb2"].PredictRequest()
    bad.model_spec.name, bad.model_spec.signature_name = "trash", "serve_bytes"
    bad.inputs["encoded"].CopyFrom(said["tf"].make_tensor_proto([b"text"]))
    with pytest.raises(grpc.RpcError, match="serve_bytes takes JPEG") as refused:
        said["service"].Predict(bad, timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    said["channel"].close()


@pytest.mark.slow
def test_saved_model_cli_shows_what_is_documented(folder):
    program = Path(sys.executable).with_name("saved_model_cli")
    done = subprocess.run(
        [program, "show", "--dir", folder / "1", "--all"],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    (shown,) = (block for block in PLAIN if block.startswith("signature_def"))
    shown = shown.replace("224, 224", "16, 16").replace(", 6)", ", 3)")
    assert shown in re.sub(r" +$", "", done.stdout, flags=re.M)


def test_the_folder_is_as_shown(folder):
    shown = next(block for block in PLAIN if block.startswith("RUN/export"))
    written = {path.name for path in folder.rglob("*") if path.is_file()}
    for name in ("saved_model.pb", "trash_keras.json", "labels.txt", "tf_serving_warmup_requests"):
        assert name in shown and name in written
