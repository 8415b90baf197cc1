"""Several sources at once, from training to audit."""

import json
import shutil

import numpy as np
import pytest

from tests.support import builders
from trash_keras.config import Config, CrossValidationConfig, FoldsConfig
from trash_keras.data.audit import audit, duplicates
from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.evaluation.evaluate import evaluate
from trash_keras.exporters.exporter import export
from trash_keras.training import trainer
from trash_keras.training.cross_validation import cross_validate
from trash_keras.training.trainer import train_and_evaluate

pytestmark = pytest.mark.long
SHADES = {"bleu": (60, 60, 200), "rouge": (200, 60, 60), "gris": (90, 90, 90)}
MAP = {"bleu": "blue", "rouge": "red", "gris": None}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A large source and a small one with other names, two classes and an image of the first."""
    root = tmp_path_factory.mktemp("sources")
    builders.write_solid(root / "home", 12)
    builders.write_solid(root / "web", 6, colours=SHADES)
    shutil.copy(root / "home/blue/blue1.png", root / "web/bleu/copy.png")
    (root / "map.json").write_text(json.dumps(MAP))
    return root


@pytest.fixture(scope="module")
def settings(sources, toy_backbone, configure):
    def settings(**changes):
        data_dir = changes.pop("data_dir", f"{sources}/home,{sources}/web")
        label_map = changes.pop("label_map", f",{sources}/map.json")
        return configure(data_dir, toy_backbone, label_map=label_map, **changes)

    return settings


@pytest.fixture(scope="module")
def run(tmp_path_factory, settings):
    workdir = tmp_path_factory.mktemp("several") / "run"
    return workdir, train_and_evaluate(settings(), workdir)


def test_the_report_says_how_each_source_is_done(run):
    workdir, report = run
    catalog = Catalog.load(workdir / "catalog.json")
    assert catalog.sources == ("home", "web") and catalog.class_names == ("blue", "green", "red")
    for split in SPLITS:
        found = report["sources"][split]
        assert {name: row["examples"] for name, row in found.items()} == {
            name: sum(path.startswith(name) for path in catalog.examples(split)[0])
            for name in ("home", "web")
        }
        correct = sum(row["correct"] for row in found.values())
        assert correct == round(report[split]["accuracy"] * report[split]["examples"])
        coverage = sum(row["predicted"] for row in found.values()) / report[split]["examples"]
        assert coverage == pytest.approx(report[split]["abstention"]["coverage"])
    assert "<h3>Sources</h3>" in (workdir / "report.html").read_text()
    card = (workdir / "MODEL_CARD.md").read_text()
    assert "home, web." in card and "| web | " in card
    place = {path: split for split in SPLITS for path in catalog.examples(split)[0]}
    assert place["home/blue/blue1.png"] == place["web/bleu/copy.png"]


def test_the_same_again_does_nothing_and_new_images_are_noticed(run, settings, sources, tmp_path):
    workdir, report = run
    assert train_and_evaluate(settings(), workdir) == report
    for name in ("home", "web"):
        shutil.copytree(sources / name, tmp_path / name)
    moved = settings(data_dir=f"{tmp_path}/home,web={tmp_path}/web")
    shutil.copytree(workdir, tmp_path / "run")
    assert train_and_evaluate(moved, tmp_path / "run") == report  # the images lie elsewhere by now
    shutil.copy(sources / "web/gris/gris0.png", tmp_path / "web/gris/more.png")  # left out anyway
    assert train_and_evaluate(moved, tmp_path / "run") == report
    shutil.copy(sources / "web/bleu/bleu0.png", tmp_path / "web/bleu/more.png")
    with pytest.raises(ValueError, match=r"1 image of blue \(web/bleu/more.png for one\)"):
        train_and_evaluate(moved, tmp_path / "run")
    with pytest.raises(ValueError, match=r"--source_weights=none \(was sqrt\)"):
        train_and_evaluate(settings(source_weights="none"), workdir)


def test_the_weights_of_sources_change_what_is_learned(run, settings, tmp_path, monkeypatch):
    weights = []
    kept = trainer.pipeline.example_weights
    monkeypatch.setattr(
        trainer.pipeline, "example_weights", lambda *a: weights.append(kept(*a)) or weights[-1]
    )
    report = train_and_evaluate(settings(source_weights="balanced", head_views=2), tmp_path / "run")
    losses = [(folder / "metrics.csv").read_text() for folder in (run[0], tmp_path / "run")]
    assert losses[0] != losses[1] and "sources" in report
    assert np.mean(weights[0]) == pytest.approx(1, rel=1e-5) and weights[0].std() > 0.1


def test_evaluate_and_export_take_the_sources_of_the_run(run, settings, sources, tmp_path):
    workdir, report = run
    data_dir = settings().data.data_dir
    again = evaluate(workdir / "model.keras", data_dir, catalog=workdir / "catalog.json")
    assert again["sources"]["test"] == report["sources"]["test"]
    everything = evaluate(
        workdir / "model.keras", data_dir, tmp_path / "all", label_map=f",{sources}/map.json"
    )
    assert {name: row["examples"] for name, row in everything["sources"]["all"].items()} == {
        "home": 36, "web": 13,
    }  # fmt: skip
    assert everything["label_map"]["left_out"] == {"web: gris": 6}
    with pytest.raises(ValueError, match=r"classes of the model already"):
        evaluate(workdir / "model.keras", data_dir, catalog=workdir / "catalog.json",
                 label_map=f",{sources}/map.json")  # fmt: skip
    shutil.copytree(workdir, tmp_path / "run")
    export(tmp_path / "run", formats=["float32"])
    assert "| web | " in (tmp_path / "run" / "MODEL_CARD.md").read_text()


def test_a_model_of_one_source_must_not_know_the_images_of_the_test(
    settings, sources, trained, tmp_path
):
    alone = settings(data_dir=str(sources / "home"), label_map="", seed=3)
    train_and_evaluate(alone, tmp_path / "alone")
    with pytest.raises(ValueError, match=r"--init was trained on .* of this run's"):
        train_and_evaluate(settings(init=f"{tmp_path}/alone/model.keras"), tmp_path / "more")


def test_each_source_is_left_out_once(settings, tmp_path):
    config = settings(split_method="leave_one_source_out", finetune_epochs=0)
    sections = {name: getattr(config, name) for name in Config.__dataclass_fields__}
    folds = CrossValidationConfig(**sections, cross_validation=FoldsConfig(seeds=2))
    report = cross_validate(folds, tmp_path / "cv")
    assert [[*fold["sources"]] for fold in report["folds"]] == [["home"], ["web"]] * 2
    assert report["left_out"] == {"home/green": 12}
    assert report["images"] == 24 + 13
    for name, images in {"home": 24, "web": 13}.items():
        row = report["sources"][name]
        found = [fold["sources"][name] for fold in report["folds"] if name in fold["sources"]]
        assert row["examples"] == 2 * images and len(row["accuracy_interval"]) == 2
        assert row["correct"] == sum(fold["correct"] for fold in found)
    home = Catalog.load(tmp_path / "cv/seed0/fold0/catalog.json")
    assert "web/bleu/copy.png" not in home.paths()  # the same as one of home, which is scored
    page = (tmp_path / "cv/cross_validation.html").read_text()
    assert "Not scored, since no other source has their class: 12 of home/green" in page
    assert "<h3>Sources</h3>" in page
    (tmp_path / "cv/cross_validation.json").unlink()
    assert cross_validate(folds, tmp_path / "cv")["sources"] == report["sources"]


def test_an_audit_looks_across_sources(sources):
    pytest.importorskip("imagehash")
    data_dir = f"{sources}/home,{sources}/web"
    catalog = audit.read_catalog(data_dir, split_method="stratified")
    findings = audit.audit(catalog, data_dir, duplicates.Thresholds())
    equal = [[place["file"] for place in each["files"]] for each in findings["exact_duplicates"]]
    assert [sorted(files) for files in equal] == [["home/blue/blue1.png", "web/bleu/copy.png"]]
