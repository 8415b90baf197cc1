"""Images that are deleted, damaged or changed while a run is under way, or between two calls."""

import pytest
from PIL import Image

from trash_keras.data.catalog import Catalog
from trash_keras.training import trainer
from trash_keras.training.trainer import train_and_evaluate

FLAGS = {"head_epochs": 1, "finetune_epochs": 0, "ood_scaling": False}


def delete(path):
    path.unlink()


def damage(path):
    path.write_bytes(path.read_bytes()[:60])


def delete_folder(path):
    path.parent.parent.rename(path.parent.parent.with_name("away"))


@pytest.mark.parametrize("split", ["test", "train"])
@pytest.mark.parametrize("lose", [delete, damage, delete_folder])
def test_an_image_that_is_lost_is_named_and_the_run_goes_on_when_it_is_back(
    data_dir, tmp_path, toy_backbone, configure, monkeypatch, lose, split
):
    config = configure(data_dir, toy_backbone, cache_megabytes=0, **FLAGS)
    lost = []

    def meanwhile(stage):
        def lose_one(run, *rest):
            path = Catalog.load(tmp_path / "run/catalog.json").examples(split)[0][0]
            lost.extend([data_dir / path, (data_dir / path).read_bytes()])
            lose(data_dir / path)
            return stage(run, *rest)

        return lose_one

    stage = "_evaluate" if split == "test" else "_train"
    with monkeypatch.context() as patch:
        patch.setattr(trainer, stage, meanwhile(getattr(trainer, stage)))
        with pytest.raises(ValueError, match=r"An image is gone or damaged: .*\.png") as error:
            train_and_evaluate(config, tmp_path / "run")
    assert len(str(error.value).splitlines()) == 1
    path, content = lost
    if lose is delete_folder:
        (tmp_path / "away").rename(data_dir)
    else:
        assert path.name in str(error.value)
        with pytest.raises(ValueError, match=path.name):
            train_and_evaluate(config, tmp_path / "run")
        path.write_bytes(content)
    assert train_and_evaluate(config, tmp_path / "run")["test"]["examples"] > 0


def test_an_image_that_changed_before_a_run_goes_on_is_named(
    data_dir, tmp_path, toy_backbone, configure, monkeypatch
):
    config = configure(data_dir, toy_backbone, **FLAGS)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_calibrate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        train_and_evaluate(config, tmp_path / "run")
    path = data_dir / "red" / "red1.png"
    content = path.read_bytes()
    Image.new("RGB", (20, 20)).save(path)
    with pytest.raises(ValueError, match=r"have changed since this run began; 1 .*red/red1.png"):
        train_and_evaluate(config, tmp_path / "run")
    path.write_bytes(content)  # with another time
    assert train_and_evaluate(config, tmp_path / "run")["test"]["examples"] > 0
