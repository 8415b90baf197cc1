import json
import shutil

import pytest

from tests.support.export import TOLERANCES
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.evaluation import score
from trash_keras.exporters.exporter import export
from trash_keras.exporters.formats import FORMATS
from trash_keras.predictor import Predictor


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    workdir, data, _ = trained
    copy = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(workdir, copy)
    return copy, data, export(copy, ["saved_model", "float32"], timing_rounds=0)


def test_every_format_has_a_tolerance():
    assert TOLERANCES.keys() == FORMATS.keys()


def test_every_format_agrees_with_keras(exported):
    workdir, _, facts = exported
    assert json.loads((workdir / "export" / "export.json").read_text()) == facts
    for name in ("saved_model", "float32"):
        row = facts["kinds"][name]
        assert row["max_difference"] < 1e-4 and row["mean_difference"] <= row["max_difference"]
        assert row["agreement"] == row["answer_agreement"] == 1 and row["worst"] == []
        assert row["bytes"] > 1000
    assert (workdir / "export" / "labels.txt").read_text().split() == ["blue", "green", "red"]
    assert facts["input"]["resize"] == "stretch" and facts["compared_pictures"] == 6


def test_the_report_lists_what_was_exported(exported):
    workdir, _, facts = exported
    page, card = ((workdir / name).read_text() for name in ("report.html", "MODEL_CARD.md"))
    for name in ("saved_model", "float32"):
        path = f"export/{facts['kinds'][name]['path']}"
        assert f"<code>{path}</code>" in page and f"| {name} | `{path}` |" in card
        assert facts["kinds"][name]["tried"] in card
    assert "\n- keras: Keras 3.6.0" in card
    # The images are still there, read from where they lie.
    assert page.count("data:image/jpeg;base64,") == 6


def test_a_later_export_keeps_earlier_formats(exported):
    workdir, _, _ = exported
    assert list(export(workdir, ["float32"], timing_rounds=0)["kinds"]) == [
        "saved_model",
        "float32",
    ]


def test_all_artefacts_score_alike(exported):
    from trash_keras.data.catalog import Catalog

    workdir, data, _ = exported
    catalog = Catalog.load(workdir / "catalog.json")
    reader = FolderReader(data)
    names = ("model.keras", "export/saved_model", "export/model_float32.tflite")
    models = [Predictor.load(workdir / name) for name in names]
    scores = [
        score.predict_split(model, Split(catalog, "test", reader)).score() for model in models
    ]
    for other in scores[1:]:
        assert other["loss"] == pytest.approx(scores[0]["loss"], abs=1e-4)
        assert other["confusion_matrix"] == scores[0]["confusion_matrix"]


def test_what_cannot_be_exported_is_refused(exported, tmp_path):
    workdir, _, _ = exported
    with pytest.raises(ValueError, match=r"Unknown formats: int3.*takes: saved_model, float32, "):
        export(workdir, ["int3"])
    with pytest.raises(ValueError, match="There is no model at"):
        export(tmp_path / "gone", ["float32"])
    assert not (tmp_path / "gone").exists()
