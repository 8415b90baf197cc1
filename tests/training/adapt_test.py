"""Adapting a trained model to a few images of a new place."""

import json
import shutil
from pathlib import Path

import filelock
import keras
import numpy as np
import pytest
from PIL import Image

import trash_keras as tk
from tests.support import builders
from trash_keras import pretrained
from trash_keras.data.catalog import Catalog
from trash_keras.metadata import ModelMetadata
from trash_keras.models import classifier
from trash_keras.storage import local
from trash_keras.training import kept_features
from trash_keras.training.adapt import adapt

# The new place: darker light, no red, and something new.
PLACE = {"blue": (15, 20, 110), "green": (15, 100, 20), "yellow": (160, 150, 20)}


@pytest.fixture
def place(tmp_path):
    return builders.write_solid(tmp_path / "place", 5, colours=PLACE)


@pytest.fixture(scope="module")
def adapted(trained, tmp_path_factory):
    """An adapted run, its images and its report."""
    folder = tmp_path_factory.mktemp("adapted")
    images = builders.write_solid(folder / "place", 6, colours=PLACE)
    report = adapt(images, folder / "run", trained[0] / "model.keras", command="pytest")
    return folder / "run", images, report


def test_it_learns_a_new_class_and_keeps_those_that_are_missing(adapted, trained):
    workdir, images, report = adapted
    model = tk.load(workdir / "model.keras", threshold=0)
    assert model.class_names == ("blue", "green", "red", "yellow")
    for folder, colours in ((images, PLACE), (trained[1], builders.COLOURS)):
        for name in colours:
            found = [each.label == name for each in model.predict(folder / name)]
            # Of home one image in ten may be lost, where so few are held out.
            assert np.mean(found) > 0.8, (folder, name)
    assert report["adaptation"]["new_classes"] == ["yellow"]
    assert report["adaptation"]["missing_classes"] == ["red"]


def test_the_backbone_stays(adapted, trained):
    mine, theirs = (
        classifier.load_classifier(run / "model.keras").get_layer("backbone").get_weights()
        for run in (adapted[0], trained[0])
    )
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_report_shows_before_and_after_in_both_places(adapted):
    workdir, _, report = adapted
    found = report["adaptation"]
    assert (
        found["new_place"]["before"]["accuracy"] <= 2 / 3 < found["new_place"]["after"]["accuracy"]
    )
    assert report["all"]["accuracy"] == found["new_place"]["after"]["accuracy"]
    assert found["home"]["before"]["accuracy"] - found["home"]["after"]["accuracy"] <= 0.02
    assert json.loads((workdir / "report.json").read_text())["adaptation"] == found
    for name in ("report.html", "MODEL_CARD.md"):
        text = (workdir / name).read_text()
        assert "accuracy" in text and "New classes: yellow" in text and "No image of red" in text


def test_what_it_leaves_is_a_run_like_any_other(adapted, tmp_path):
    workdir, images, _ = adapted
    exported = tk.export(workdir, ["float32", "int8"], min_agreement=0.5, timing_rounds=0)
    assert {"float32", "int8"} == set(exported["kinds"]) and exported["compared_pictures"] == 18
    assert "accuracy" not in exported["kinds"]["int8"]  # of images that it was fitted to
    assert "model_int8.tflite" in (workdir / "MODEL_CARD.md").read_text()
    page = (workdir / "export/parity.html").read_text()
    assert "on 18 images that the model was fitted to" in page
    assert "test images" not in page and "test split" not in page
    unknown = builders.write_solid(tmp_path / "unknown", 3, colours={"violet": (120, 20, 120)})
    scored = tk.evaluate(
        workdir / "model.keras", images, catalog=workdir / "catalog.json", split="all",
        ood_dir=unknown,
    )  # fmt: skip
    assert scored["all"]["accuracy"] == 1 and scored["out_of_scope"]
    other = builders.write_solid(
        tmp_path / "other", 3, colours={"red": (120, 10, 10), "teal": (10, 90, 90)}
    )
    again = adapt(other, tmp_path / "again", workdir / "model.keras")
    assert again["class_names"] == ["blue", "green", "red", "teal", "yellow"]


def test_exports_come_with_it_where_they_are_asked_for(trained, place, tmp_path):
    model = trained[0] / "model.keras"
    adapt(place, tmp_path / "run", model, formats=["float32"])
    assert (tmp_path / "run/export/model_float32.tflite").exists()
    adapt(place, tmp_path / "run", model)  # again, without: what is left would be of another model
    assert not (tmp_path / "run/export").exists()


def test_home_images_measure_what_is_forgotten(trained, place, tmp_path):
    model = trained[0] / "model.keras"
    report = adapt(place, tmp_path / "run", model, home_dir=trained[1])
    images = len(Catalog.load(trained[0] / "catalog.json").examples("test")[0])
    assert report["adaptation"]["home"]["examples"] == images
    assert report["adaptation"]["home"]["before"]["accuracy"] == trained[2]["test"]["accuracy"]


def test_the_package_may_bring_the_model(trained, place, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "assets")
    with pytest.raises(ValueError, match=r"No model came with this package.* --model=FILE"):
        adapt(place, tmp_path / "run")
    shutil.copytree(trained[0], tmp_path / "assets")
    (tmp_path / "assets/model.keras").rename(tmp_path / "assets" / pretrained.TRAINABLE_NAME)
    assert "yellow" in adapt(place, tmp_path / "run")["class_names"]


def keep(place, **counts):
    for name, count in counts.items():
        for path in sorted((place / name).iterdir())[count:]:
            path.unlink()


def break_one(place):
    (place / "blue/blue0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")


MISTAKES = {
    "one class": (lambda place: [shutil.rmtree(place / name) for name in ("green", "yellow")],
                  "At least two classes"),
    "no images": (lambda place: [shutil.rmtree(place / name) for name in PLACE],
                  "place has no images: it needs one folder per class"),
    "too few": (lambda place: keep(place, green=2), r"Class green needs at least 3 .*Received: 2"),
    "unreadable": (break_one, r"1 of 15 files cannot be decoded: blue/blue0.* --bad_files=skip"),
    "two classes": (lambda place: shutil.copy(place / "blue/blue0.png", place / "green/x.png"),
                    r"blue/blue0.png and green/x.png are the same image in two classes"),
    "other case": (lambda place: (place / "green").rename(place / "Green"), "differ only by case"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_before_anything_is_written(trained, place, tmp_path, mistake):
    spoil, message = MISTAKES[mistake]
    spoil(place)
    with pytest.raises(ValueError, match=message):
        adapt(place, tmp_path / "run", trained[0] / "model.keras")
    assert not (tmp_path / "run").exists()


def test_unreadable_images_can_be_left_out(trained, place, tmp_path):
    break_one(place)
    report = adapt(place, tmp_path / "run", trained[0] / "model.keras", bad_files="skip")
    assert report["bad_files"] == ["blue/blue0.png"] and report["all"]["examples"] == 14
    keep(place, blue=3)  # of which one is broken
    with pytest.raises(ValueError, match=r"Class blue needs at least 3 images.*Received: 2"):
        adapt(place, tmp_path / "other", trained[0] / "model.keras", bad_files="skip")


def test_images_of_the_training_are_refused_in_any_format(trained, place, tmp_path):
    workdir, data, _ = trained
    catalog = Catalog.load(workdir / "catalog.json")
    known = [catalog.splits[split]["red"][0] for split in ("train", "valid")]
    (place / "red").mkdir()
    for number in range(3):
        Image.new("RGB", (20, 20), (90, 5, 5 + 40 * number)).save(place / f"red/{number}.png")
    for path in known:
        Image.open(data / path).save((place / path).with_suffix(".bmp"))
    with pytest.raises(ValueError, match=r"2 of the 20 images are those that .*red/.*bmp for one"):
        adapt(place, tmp_path / "run", workdir / "model.keras")


def test_a_model_that_keeps_no_features_cannot_be_adapted(trained, place, tmp_path):
    model = shutil.copy(trained[0] / "model.keras", tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"There is no features.npz beside .*model.keras"):
        adapt(place, tmp_path / "run", model)
    shutil.copy(trained[0] / "catalog.json", tmp_path / "features.npz")
    with pytest.raises(ValueError, match=r"features\.npz is damaged"):
        adapt(place, tmp_path / "run", model)


def test_the_features_of_another_model_are_refused(trained, adapted, place, tmp_path):
    shutil.copy(trained[0] / "model.keras", tmp_path / "model.keras")
    shutil.copy(adapted[0] / kept_features.FILE, tmp_path / kept_features.FILE)
    with pytest.raises(ValueError, match="is of another model"):
        adapt(place, tmp_path / "run", tmp_path / "model.keras")


def test_exported_files_and_runs_of_others_are_refused(trained, place, tmp_path):
    with pytest.raises(ValueError, match="exported files have no head to fit"):
        adapt(place, tmp_path / "run", pretrained.path())
    shutil.copytree(trained[0], tmp_path / "other")
    with pytest.raises(ValueError, match="holds a run of another configuration"):
        adapt(place, tmp_path / "other", trained[0] / "model.keras")
    with pytest.raises(ValueError, match="There is no setting 'views'"):
        adapt(place, tmp_path / "run", trained[0] / "model.keras", views=2)


def test_images_of_none_of_the_classes_are_answered_less(trained, place, tmp_path):
    model = trained[0] / "model.keras"
    violet = {"violet": (120, 20, 120)}
    other = builders.write_solid(tmp_path / "other", 12, colours=violet) / "violet"
    adapt(place, tmp_path / "plain", model, ood_scaling=False)
    report = adapt(place, tmp_path / "run", model, other_dir=other, ood_scaling=False)
    found = report["adaptation"]["other_images"]
    assert found["examples"] == 12 and report["run"]["other_images"] == 12
    assert report["class_names"] == ["blue", "green", "red", "yellow"]
    assert report["all"]["examples"] == 15  # they are in no other figure

    def surest(name):
        return [
            each.probability for each in tk.load(tmp_path / name / "model.keras").predict(other)
        ]

    assert np.mean(surest("run")) < np.mean(surest("plain")) - 0.1
    assert "Images of none of the classes, 12" in (tmp_path / "run/report.html").read_text()


def test_other_images_must_be_other_ones(trained, place, tmp_path):
    workdir, data, _ = trained
    with pytest.raises(ValueError, match=r"5 of 5 images that should be of none of the classes"):
        adapt(place, tmp_path / "run", workdir / "model.keras", other_dir=place / "blue")
    catalog = Catalog.load(workdir / "catalog.json")
    (tmp_path / "known").mkdir()
    for path in catalog.splits["train"]["red"][:3]:
        shutil.copy(data / path, tmp_path / "known")
    with pytest.raises(ValueError, match=r"3 of the 3 images are those that .* was trained"):
        adapt(place, tmp_path / "run", workdir / "model.keras", other_dir=tmp_path / "known")
    (tmp_path / "known" / Path(path).name).unlink()
    with pytest.raises(ValueError, match=r"--other_dir needs at least 3 images.*Received: 2"):
        adapt(place, tmp_path / "run", workdir / "model.keras", other_dir=tmp_path / "known")
    assert not (tmp_path / "run").exists()


def test_several_places_with_names_of_their_own(trained, tmp_path):
    builders.write_solid(tmp_path / "here", 9, colours=PLACE)
    there = {"bleu": (20, 25, 130), "jaune": (170, 160, 25), "gris": (90, 90, 90)}
    builders.write_solid(tmp_path / "there", 4, colours=there)
    names = {"bleu": "blue", "jaune": "yellow", "gris": None}
    (tmp_path / "map.json").write_text(json.dumps(names))
    report = adapt(
        f"{tmp_path}/here,{tmp_path}/there",
        tmp_path / "run",
        trained[0] / "model.keras",
        label_map=f",{tmp_path}/map.json",
        formats=["float32"],
    )
    assert report["class_names"] == ["blue", "green", "red", "yellow"]
    found = report["sources"]["all"]
    assert {name: row["examples"] for name, row in found.items()} == {"here": 27, "there": 8}
    assert report["adaptation"]["images"] == {"blue": 13, "green": 9, "red": 0, "yellow": 13}
    assert "<h3>Sources</h3>" in (tmp_path / "run/report.html").read_text()
    assert (tmp_path / "run/export/model_float32.tflite").exists()


def test_an_image_that_is_there_twice_counts_once(trained, place, tmp_path, capsys):
    shutil.copy(place / "blue/blue0.png", place / "blue/again.png")
    report = adapt(place, tmp_path / "run", trained[0] / "model.keras")
    assert report["all"]["examples"] == 15 and report["bad_files"] == []
    assert "1 image is there more than once and counts once: blue/" in capsys.readouterr().out


def test_one_process_at_a_time_works_in_a_folder(trained, place, tmp_path):
    (tmp_path / "run").mkdir()
    with (
        filelock.FileLock(tmp_path / "run" / local.LOCK),
        pytest.raises(ValueError, match=r"Another process is at work in .*run.* another --workdir"),
    ):
        adapt(place, tmp_path / "run", trained[0] / "model.keras")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"--workdir"):
        adapt(place, tmp_path / "file", trained[0] / "model.keras")


RANGES = {
    "max_home_loss": (1.5, r"--max_home_loss must be between 0 and 1. Received: 1.5"),
    "target_risk": (-0.1, "--target_risk must be between 0 and 1"),
    "batch_size": (0, "--batch_size must be between 1 and"),
    "max_megapixels": (0, "--max_megapixels must be between"),
    "formats": (["float64"], "float64"),
    "seed": (-1, "--seed"),
    "label_map": ("nowhere.json", "nowhere.json"),
    "other_dir": ("nowhere", "--other_dir must be a folder of images. Received: nowhere"),
    "home_dir": ("nowhere", "nowhere"),
}


@pytest.mark.parametrize("name", RANGES)
def test_settings_out_of_range_are_told_before_anything_is_written(trained, place, tmp_path, name):
    value, message = RANGES[name]
    with pytest.raises(ValueError, match=message):
        adapt(place, tmp_path / "run", trained[0] / "model.keras", **{name: value})
    assert not (tmp_path / "run").exists()


def test_the_file_is_plain_keras_and_says_what_it_is(adapted):
    metadata = ModelMetadata.read(adapted[0] / "model.keras")
    model = keras.models.load_model(adapted[0] / "model.keras")
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3))
    found = model.predict(images, verbose=0)
    assert found.shape == (2, len(metadata.class_names)) and np.allclose(found.sum(axis=1), 1)
    assert metadata.threshold == adapted[2]["answering"]["threshold"]
