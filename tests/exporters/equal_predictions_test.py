"""The same image gets the same prediction from every artefact of a run."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from trash_keras.data import decoding
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.evaluation import score
from trash_keras.exporters.exporter import export
from trash_keras.metadata import ModelMetadata
from trash_keras.models.classifier import load_classifier
from trash_keras.models.inference import build_inference_model, save
from trash_keras.predictor import Predictor

pytestmark = pytest.mark.long

NAMES = ("model.keras", "export/saved_model", "export/model_float32.tflite", "export/model.onnx")


@pytest.fixture(scope="module")
def exported(doubtful, tmp_path_factory):
    workdir, data, report, _ = doubtful
    copy = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(workdir, copy)
    return copy, data, report, export(copy, ["saved_model", "float32", "onnx"], timing_rounds=0)


def test_all_artefacts_predict_alike(exported):
    workdir, data, _, _ = exported
    paths = sorted(str(path) for path in data.rglob("*.png"))[::4]
    models = [Predictor.load(workdir / name) for name in NAMES]
    predictions = [list(model.predict_stream(paths)) for model in models]
    probabilities = [[list(one.probabilities.values()) for one in found] for found in predictions]
    rows = [[one.to_dict() for one in found] for found in predictions]
    assert {row["label"] for row in rows[0]} > {"unsure", "blue"}
    assert len({len(row["labels"]) for row in rows[0]}) > 1
    for other, row in zip(probabilities[1:], rows[1:], strict=True):
        np.testing.assert_allclose(other, probabilities[0], atol=1e-5)
        for key in ("file", "label", "labels"):
            assert [one[key] for one in row] == [one[key] for one in rows[0]]


def test_served_files_get_these_labels_too(exported):
    workdir, data, _, _ = exported
    paths = sorted(str(path) for path in data.rglob("*.png"))[::4]
    model = Predictor.load(workdir / "model.keras")
    expected = [prediction.label for prediction in model.predict_stream(paths)]
    loaded = tf.saved_model.load(str(workdir / "export" / "saved_model" / "1"))
    contents = tf.constant([tf.io.read_file(path).numpy() for path in paths])
    served = loaded.signatures["serve_bytes"](contents)
    assert [label.decode() for label in served["label"].numpy()] == expected


def test_each_artefact_says_how_it_predicts_and_scores_as_the_run_did(exported):
    workdir, data, report, facts = exported
    assert json.loads((workdir / "export" / "export.json").read_text()) == facts
    assert facts["answering"] == report["answering"]
    for name in NAMES:
        metadata = ModelMetadata.read(workdir / name)
        assert metadata.inference_settings() == report["answering"]
        catalog = Catalog.load(workdir / "catalog.json")
        model, reader = Predictor.load(workdir / name), FolderReader(data)
        predictions = score.predict_split(model, Split(catalog, "test", reader))
        scores = predictions.score(metadata.inference_settings())
        assert set(scores) == set(report["test"])
        for key in ("abstention", "conformal", "confusion_matrix"):
            assert scores[key] == report["test"][key], (name, key)
        for key in ("loss", "ece", "ece_uncalibrated", "brier", "brier_uncalibrated"):
            assert scores[key] == pytest.approx(report["test"][key], abs=1e-4), (name, key)


def test_page_and_card_tell_it_again_after_the_export(exported, doubtful):
    workdir, _, report, _ = exported
    assert (workdir / "report.html").read_text() != (doubtful[0] / "report.html").read_text()
    for name in ("report.html", "MODEL_CARD.md"):
        said = (workdir / name).read_text()
        assert f"A temperature of {report['answering']['temperature']:.2f}" in said
        assert f"unsure up to a probability of {report['answering']['threshold']:.3f}" in said
    assert "or “unsure” (selective classification)" in (workdir / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("views", [4, 8])
def test_more_views_are_inside_too(doubtful, tmp_path, views):
    workdir, data, _, _ = doubtful
    metadata = ModelMetadata.read(workdir / "model.keras")
    for name in ("catalog.json", "config.json"):
        shutil.copy(workdir / name, tmp_path)
    raw, model = load_classifier(workdir / "model.keras"), tmp_path / "model.keras"
    more = ModelMetadata(metadata.class_names, 16, "stretch", temperature=0.5, tta=views)
    save(build_inference_model(raw, 0.5, views), more, model)
    facts = export(tmp_path, ["saved_model", "float32", "onnx"], timing_rounds=0)
    assert all(row["max_difference"] < 1e-5 for row in facts["kinds"].values())
    one_view = Predictor.load(model, tta=1)
    paths = sorted(data.rglob("*.png"))[::9]
    images = np.stack([decoding.load(path.read_bytes(), 16, "stretch") for path in paths])
    images = images.astype("float32")
    tflite = Predictor.load(tmp_path / "export" / "model_float32.tflite")
    assert np.abs(tflite.predict_batch(images) - one_view.predict_batch(images)).max() > 1e-4
