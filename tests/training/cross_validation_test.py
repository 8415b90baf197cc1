import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from trash_keras.config import Config, CrossValidationConfig, FoldsConfig
from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.data.groups import write_groups
from trash_keras.metrics.predictions import Predictions
from trash_keras.storage import remote
from trash_keras.training import cross_validation
from trash_keras.training.cross_validation import cross_validate

pytestmark = pytest.mark.long

FOLDS = [f"seed{seed}/fold{fold}" for seed in (0, 1) for fold in (0, 1)]
QUICK = {"head_epochs": 3, "finetune_epochs": 0}
# What `make` configures, as flags.
TOY = ("--image_size=16", "--batch_size=8", "--head_epochs=3", "--finetune_epochs=0",
       "--head_learning_rate=0.05", "--deterministic", "--accelerator=cpu",
       "--folds=2", "--seeds=2")  # fmt: skip


@pytest.fixture(scope="module")
def make(toy_backbone, configure):
    """A configuration of two folds; `changes` are flags by name."""

    def make(data, **changes):
        names = [field.name for field in dataclasses.fields(FoldsConfig)]
        folds = {name: changes.pop(name) for name in names if name in changes}
        backbone = changes.pop("backbone", toy_backbone)
        config = configure(data, backbone, **QUICK | changes)
        sections = {f.name: getattr(config, f.name) for f in dataclasses.fields(Config)}
        return CrossValidationConfig(
            **sections, cross_validation=FoldsConfig(**{"folds": 2, "seeds": 2} | folds)
        )

    return make


@pytest.fixture(scope="module")
def validated(tmp_path_factory, make, trained):
    """A finished cross-validation of solid colours: (folder, data folder, report)."""
    workdir, data = tmp_path_factory.mktemp("validated") / "cv", trained[1]
    return workdir, data, cross_validate(make(data), workdir, "pytest")


def copy_of(validated, tmp_path):
    shutil.copytree(validated[0], tmp_path / "cv")
    return tmp_path / "cv"


def without_times(report):
    folds = [{**fold, "training_minutes": None} for fold in report["folds"]]
    return {**report, "folds": folds, "run": None, "config": None}


def test_every_image_is_scored_once_a_seed_on_a_fold_that_chose_nothing(validated):
    workdir, data, _ = validated
    everything = sorted(str(path.relative_to(data)) for path in data.rglob("*.png"))
    for seed in (0, 1):
        scored = []
        for fold in (0, 1):
            catalog = Catalog.load(workdir / f"seed{seed}/fold{fold}/catalog.json")
            parts = {split: set(catalog.examples(split)[0]) for split in SPLITS}
            assert not parts["test"] & (parts["valid"] | parts["train"])
            assert len(parts["valid"]) == 6 and sum(map(len, parts.values())) == 36
            scored += parts["test"]
        assert sorted(scored) == everything
    first, second = (Catalog.load(workdir / f"seed{s}/fold0/catalog.json") for s in (0, 1))
    assert first.splits["test"] != second.splits["test"]


def test_the_report_is_that_of_the_folds(validated):
    workdir, _, report = validated
    assert json.loads((workdir / "cross_validation.json").read_text()) == report
    for row, name in zip(report["folds"], FOLDS, strict=True):
        fold = json.loads((workdir / name / "report.json").read_text())
        assert f"seed{row['seed']}/fold{row['fold']}" == name
        assert fold["config"]["runtime"]["seed"] == row["seed"]
        assert row["accuracy"] == fold["test"]["accuracy"]
        assert row["valid_accuracy"] == fold["valid"]["accuracy"]
        assert row["best_epoch"] == fold["run"]["best_epoch"]
        assert "train" not in fold  # it would take as long as all the rest
    for seed, scores in enumerate(report["seeds"]):
        predictions = Predictions.load(workdir / f"predictions/seed{seed}.csv")
        assert len(predictions.paths) == scores["examples"] == report["images"] == 36
        accuracies = [row["accuracy"] for row in report["folds"] if row["seed"] == seed]
        assert scores["accuracy"] == pytest.approx(np.mean(accuracies))
    assert report["accuracy"]["mean"] > 0.6  # chance is a third
    assert (workdir / "cross_validation.html").exists()
    assert (workdir / FOLDS[0] / "model.keras").exists()


def test_a_complete_one_does_nothing(validated, make, monkeypatch, capsys):
    workdir, data, report = validated
    monkeypatch.setattr(cross_validation.run_data, "open_data", None)
    assert cross_validate(make(data), workdir) == report
    assert "This cross-validation is complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": 0.5}, r"--dropout=0.5 \(was 0.2\)"),
        ({"folds": 3}, r"--folds=3 \(was 2\)"),
        ({"seed": 1}, r"--seed=1 \(was 0\)"),
    ],
)
def test_another_configuration_is_refused(validated, make, changes, message):
    with pytest.raises(ValueError, match=message):
        cross_validate(make(validated[1], **changes), validated[0])


def test_what_changes_no_model_needs_no_training(validated, make, tmp_path, monkeypatch):
    workdir, data = copy_of(validated, tmp_path), validated[1]
    monkeypatch.setattr("keras.Model.fit", None)
    (tmp_path / "subsets.csv").write_text("file,subset\nred1.png,first\nred2.png,first\n")
    changed = make(data, seeds=1, keep_models=False, slices=str(tmp_path / "subsets.csv"))
    report = cross_validate(changed, workdir)
    assert report["seeds"][0]["subsets"]["first"]["red"]["support"] == 2
    assert report["seeds"][0]["subsets"]["(not listed)"]["red"]["support"] == 10
    assert "Recall, seed 0" in (workdir / "cross_validation.html").read_text()
    assert len(report["seeds"]) == 1 and len(report["folds"]) == 2
    assert [(workdir / name / "model.keras").exists() for name in FOLDS] == [False] * 2 + [True] * 2
    # And back: the second seed is still there.
    assert cross_validate(make(data), workdir)["seeds"] == validated[2]["seeds"]


def test_folds_of_other_images_are_not_aggregated(validated, make, tmp_path):
    workdir, data = copy_of(validated, tmp_path), validated[1]
    (workdir / "cross_validation.json").unlink()
    Catalog.load(workdir / FOLDS[1] / "catalog.json").save(workdir / FOLDS[0] / "catalog.json")
    with pytest.raises(ValueError, match=r"seed0/fold0 holds another fold"):
        cross_validate(make(data), workdir)


def test_each_fold_learns_from_the_model_of_its_own_fold(validated, make, tmp_path, monkeypatch):
    teachers, data = copy_of(validated, tmp_path), validated[1]
    taught = make(data, seeds=1, finetune_epochs=1, teacher=str(teachers))
    cross_validate(taught, tmp_path / "taught")
    for name in FOLDS[:2]:
        fold = json.loads((tmp_path / "taught" / name / "report.json").read_text())
        model = teachers / name / "model.keras"
        assert fold["config"]["distillation"]["teacher"] == str(model)
        assert fold["run"]["teacher_sha256"] == [remote.checksum(model)]
    # What is trained asks for its teachers no more, what is not does.
    (tmp_path / "taught" / "cross_validation.json").unlink()
    (teachers / FOLDS[0] / "model.keras").unlink()
    cross_validate(taught, tmp_path / "taught")
    shutil.rmtree(tmp_path / "taught" / FOLDS[0])
    (tmp_path / "taught" / "cross_validation.json").unlink()
    with pytest.raises(ValueError, match=r"no model at .*seed0/fold0/model\.keras"):
        cross_validate(taught, tmp_path / "taught")


def test_a_cross_validation_of_other_folds_cannot_teach(validated, make, tmp_path):
    other = make(validated[1], folds=3, seeds=1, finetune_epochs=1, teacher=str(validated[0]))
    with pytest.raises(ValueError, match=r"trained on .* of this run's (valid|test) split"):
        cross_validate(other, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_groups_stay_together_and_the_disk_is_left_clean(make, data_dir, tmp_path):
    groups = [("blue/blue0.png", "green/green0.png"), ("red/red1.png", "red/red2.png")]
    write_groups(tmp_path / "groups.json", groups, {})
    config = make(
        data_dir, seeds=1, split_method="grouped", groups=str(tmp_path / "groups.json"),
        keep_models=False, cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    workdir = tmp_path / "cv"
    report = cross_validate(config, workdir)
    assert (report["groups"], report["grouped_images"]) == (2, 4)
    for name in FOLDS[:2]:
        catalog = Catalog.load(workdir / name / "catalog.json")
        place = {path: split for split in SPLITS for path in catalog.examples(split)[0]}
        assert all(len({place[path] for path in group}) == 1 for group in groups)
        assert not (workdir / name / "model.keras").exists()
    assert "4 images in 2 groups, were kept" in (workdir / "cross_validation.html").read_text()
    assert os.listdir(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"split_method": "official"},
            "one of stratified, grouped, leave_one.*: official",
        ),
        ({"folds": 13}, r"each of the 13 folds\. Received: 12"),
        ({"head_epochs": 0}, "nothing to train"),
        ({"backbone": "ResNet5"}, "Near names"),
        ({"groups": "x"}, "--groups is for --split_method=grouped"),
        ({"slices": "gone.csv"}, "No usable --slices at gone.csv"),
        ({"teacher": "gone"}, "finished cross-validation with the same folds.* Received: gone"),
    ],
)
def test_a_refused_configuration_leaves_nothing_behind(make, data_dir, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        cross_validate(make(data_dir, **changes), tmp_path / "cv")
    assert not (tmp_path / "cv").exists()


def test_the_folder_of_a_training_run_is_left_alone(make, trained):
    before = sorted(trained[0].iterdir())
    with pytest.raises(ValueError, match="holds a training run"):
        cross_validate(make(trained[1]), trained[0])
    assert sorted(trained[0].iterdir()) == before


@pytest.mark.slow
def test_killed_in_its_last_fold_it_ends_like_an_unbroken_one(
    validated, toy_backbone, script, kill_script, tmp_path
):
    workdir, data, whole = copy_of(validated, tmp_path), *validated[1:]
    (workdir / "cross_validation.json").unlink()
    shutil.rmtree(workdir / FOLDS[3])
    flags = (f"--data_dir={data}", f"--backbone={toy_backbone}", f"--workdir={workdir}", *TOY)
    state = workdir / FOLDS[3] / "backup/head/state.json"
    kill_script("cross_validate", *flags, when=state.exists)
    assert not (workdir / FOLDS[3] / "report.json").exists()
    assert not (workdir / "cross_validation.json").exists()
    done = script("cross_validate", *flags)
    assert done.returncode == 0, done.stderr
    assert f"This run is complete: {workdir / FOLDS[2]}/report.html" in done.stdout
    assert "Seed 1, fold 1 (4 of 4): accuracy" in done.stdout
    assert "; 2 seeds, standard deviation" in done.stdout
    report = json.loads((workdir / "cross_validation.json").read_text())
    assert without_times(report) == without_times(whole)
