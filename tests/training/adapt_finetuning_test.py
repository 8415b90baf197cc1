"""Fine-tuning in adapting: where it is left out, tried, kept and dropped."""

import shutil

import numpy as np
import pytest

import trash_keras as tk
from tests.support import builders
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import open_reader
from trash_keras.models import classifier
from trash_keras.training import adapt_finetuning, adapt_training
from trash_keras.training.adapt import adapt
from trash_keras.training.adapt_source import Source

PLACE = {"blue": (15, 20, 110), "green": (15, 100, 20), "yellow": (160, 150, 20)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    images = adapt_finetuning.FEWEST
    return builders.write_solid(tmp_path_factory.mktemp("place"), images, colours=PLACE)


@pytest.fixture(scope="module")
def tuned(trained, place, tmp_path_factory):
    """A run whose backbone was fine-tuned as asked for, and its report."""
    workdir = tmp_path_factory.mktemp("tuned") / "run"
    report = adapt(place, workdir, trained[0] / "model.keras", finetune_epochs=2)
    return workdir, report


@pytest.fixture
def homeless(trained, tmp_path):
    """The trained model with what its run kept, and nothing that says where its images are."""
    folder = shutil.copytree(trained[0], tmp_path / "homeless")
    (folder / "config.json").unlink()
    return folder / "model.keras"


def backbone(workdir):
    return classifier.load_classifier(workdir / "model.keras").get_layer("backbone")


def same_backbone(one, other):
    both = (backbone(workdir).get_weights() for workdir in (one, other))
    return all(np.array_equal(*pair) for pair in zip(*both, strict=True))


def test_without_the_images_of_home_it_is_left_out(homeless, place, tmp_path):
    found = adapt(place, tmp_path / "run", homeless)["adaptation"]["finetuning"]
    assert found["epochs"] == 0
    assert found["verdict"].startswith(
        "Fine-tuning was left out. It needs the images that the model was trained on"
    )
    assert "--home_dir=DIR" in found["verdict"]
    assert same_backbone(tmp_path / "run", homeless.parent)
    assert found["verdict"] in (tmp_path / "run/report.html").read_text()


def test_images_that_have_moved_are_not_at_hand(homeless, place, trained, tmp_path):
    text = (trained[0] / "config.json").read_text()
    moved = text.replace(str(trained[1]), str(tmp_path / "moved"))
    (homeless.parent / "config.json").write_text(moved)
    with pytest.raises(ValueError, match=r"They are no longer in .*moved\. --home_dir=DIR names"):
        adapt(place, tmp_path / "run", homeless, finetune_epochs=1)


def test_asked_for_without_the_images_of_home_it_is_refused(homeless, place, tmp_path):
    with pytest.raises(ValueError, match=r"^--finetune_epochs=2 needs the images .*DIR.*$"):
        adapt(place, tmp_path / "run", homeless, finetune_epochs=2)
    assert not (tmp_path / "run").exists()


def test_few_images_leave_it_out_and_0_forbids_it(trained, place, tmp_path):
    few = shutil.copytree(place, tmp_path / "few")
    (few / "green/green0.png").unlink()
    found = adapt(few, tmp_path / "run", trained[0] / "model.keras")["adaptation"]["finetuning"]
    assert found["epochs"] == 0 and "20 images of each class, and green has 19" in found["verdict"]
    model = trained[0] / "model.keras"
    found = adapt(place, tmp_path / "none", model, finetune_epochs=0)["adaptation"]["finetuning"]
    assert found["epochs"] == 0 and "--finetune_epochs=0" in found["verdict"]


@pytest.mark.parametrize(("rate", "most"), [(100.0, 1.0), (1e-4, 0.0)])
def test_auto_changes_the_backbone_only_where_that_is_chosen(
    trained, place, tmp_path, monkeypatch, rate, most
):
    monkeypatch.setattr(adapt_training, "LEARNING_RATE", rate)
    model = trained[0] / "model.keras"
    found = adapt(place, tmp_path / "run", model, max_home_loss=most)["adaptation"]["finetuning"]
    assert same_backbone(tmp_path / "run", trained[0]) == (found["epochs"] == 0)
    if rate > 1:
        assert found["epochs"] == 0
        assert "was tried and dropped, since it does not help: of 60 held-out" in found["verdict"]


def test_what_home_pays_too_much_for_is_dropped(trained, place, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt_finetuning, "_new_place", lambda start, held_out: (True, "gains"))
    monkeypatch.setattr(adapt_training, "LEARNING_RATE", 100.0)
    model = trained[0] / "model.keras"
    report = adapt(place, tmp_path / "run", model)["adaptation"]
    assert report["finetuning"]["epochs"] == 0
    assert "dropped, since home loses too much: gains; of " in report["finetuning"]["verdict"]
    assert same_backbone(tmp_path / "run", trained[0])


def test_the_top_is_fine_tuned_and_nothing_else(tuned, trained):
    workdir, report = tuned
    found = report["adaptation"]
    assert found["finetuning"]["epochs"] == 2 and found["folds"] == adapt_finetuning.FOLDS
    assert found["new_place"]["after"]["accuracy"] > 0.9
    assert found["home"]["gain"] >= -0.1 and found["home_images"] == "validation images"
    for new, old in zip(backbone(workdir).layers, backbone(trained[0]).layers, strict=True):
        pairs = list(zip(new.get_weights(), old.get_weights(), strict=True))
        same = all(np.array_equal(*pair) for pair in pairs)
        assert same != (new.name == backbone(workdir).layers[-1].name), new.name


def test_all_that_follows_goes_by_the_new_features(tuned, place):
    workdir, _ = tuned
    source, catalog = Source.load(workdir / "model.keras"), Catalog.load(workdir / "catalog.json")
    split = Split(catalog, "all", open_reader(place))
    features = source.features(split)
    np.testing.assert_allclose(source.kept.train[: len(features)], features, atol=0.01, rtol=0.01)
    paths = catalog.examples("all")[0]
    found = tk.load(workdir / "model.keras", threshold=0).predict([place / path for path in paths])
    named = [each.label for each in found]
    own = features @ source.head().kernel + source.head().bias
    assert named == [catalog.class_names[label] for label in own.argmax(axis=1)]
    exported = tk.export(workdir, ["float32"], min_agreement=1.0, timing_rounds=0)
    assert exported["kinds"]["float32"]["agreement"] == 1


def test_home_is_measured_on_its_test_split_before_and_after(trained, place, tmp_path):
    report = adapt(
        place, tmp_path / "run", trained[0] / "model.keras", home_dir=trained[1], finetune_epochs=1
    )
    home = report["adaptation"]["home"]
    assert home["before"]["accuracy"] == trained[2]["test"]["accuracy"]
    scored = tk.evaluate(
        tmp_path / "run/model.keras", trained[1], catalog=trained[0] / "catalog.json", split="test"
    )
    assert scored["test"]["accuracy"] == home["after"]["accuracy"]


@pytest.mark.parametrize("value", ["few", -1, "1.5", ""])
def test_other_words_than_auto_and_a_number_are_told(trained, place, tmp_path, value):
    with pytest.raises(ValueError, match="--finetune_epochs must be auto or a number of epochs"):
        adapt(place, tmp_path / "run", trained[0] / "model.keras", finetune_epochs=value)
