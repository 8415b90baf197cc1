"""Labels in doubt, from the images to the page."""

import json
import shutil

import pytest

import trash_keras as tk
from trash_keras.data.catalog import SPLITS
from trash_keras.data.readers.base import FolderReader
from trash_keras.training import run_data

pytestmark = pytest.mark.slow

COPY, ORIGINAL = "blue/copy.png", "red/red0.png"


@pytest.fixture
def data(trained, tmp_path):
    """The images of the toy run, a red one of which lies among the blue ones, too."""
    folder = shutil.copytree(trained[1], tmp_path / "data")
    shutil.copy(folder / ORIGINAL, folder / COPY)
    return folder


def test_a_copy_of_another_class_is_marked(trained, data, tmp_path):
    model = trained[0] / "model.keras"
    report = tk.evaluate(model, data, tmp_path / "out")
    equal = {"kind": "equal", "file": ORIGINAL, "class": "red", "split": "all"}
    assert report["label_issues"][COPY] == [equal]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"Byte for byte {ORIGINAL}, a scored image of “red”." in page
    identity = page.replace("<span>", "").replace("</span>", "")
    assert "data · all images · model.keras · run out · 20" in identity


def test_a_catalog_knows_the_copies_in_other_splits(
    trained, data, toy_backbone, configure, tmp_path
):
    catalog = run_data.resolve_splits(
        configure(data, toy_backbone), tmp_path / "run", FolderReader(data)
    )
    assert catalog.label_conflicts == ((COPY, ORIGINAL),)
    catalog.save(tmp_path / "catalog.json")
    place = {path: split for split in SPLITS for path in catalog.examples(split)[0]}
    report = tk.evaluate(
        trained[0] / "model.keras", data, catalog=tmp_path / "catalog.json", split=place[COPY]
    )
    (reason,) = report["label_issues"][COPY]
    assert (reason["file"], reason["split"]) == (ORIGINAL, place[ORIGINAL])


def test_an_audit_adds_its_doubts(trained, data, tmp_path):
    issue = {"file": "green/green1.png", "suggestion": "red", "probability_of_suggestion": 0.8}
    audit = {"exact_duplicates": [], "near_duplicates": [], "doubtful_labels": {"found": [issue]}}
    (tmp_path / "audit.json").write_text(json.dumps(audit))
    report = tk.evaluate(trained[0] / "model.keras", data, audit=tmp_path / "audit.json")
    predicted = {"kind": "predicted", "class": "red", "probability": 0.8}
    assert report["label_issues"]["green/green1.png"] == [predicted]
