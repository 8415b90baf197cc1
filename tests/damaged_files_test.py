"""Damaged files of a run are noticed: made anew where that is possible, else named."""

import shutil

import numpy as np
import pytest

from trash_keras import config
from trash_keras.predictor import Predictor
from trash_keras.reporting import report
from trash_keras.training import trainer


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def zero(path):
    content = bytearray(path.read_bytes())
    content[-100:] = bytes(100)
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])


def empty(path):
    path.write_bytes(b"")


DAMAGES = [flip, zero, truncate, empty]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name",
    ["config.json", "catalog.json", "metrics.csv", "report.json", "predictions/test.csv",
     "model.keras"],
)  # fmt: skip
def test_what_cannot_be_made_anew_is_named(trained, tmp_path, name, damage):
    shutil.copytree(trained[0], tmp_path / "run")
    run = tmp_path / "run"
    damage(run / name)
    with pytest.raises(ValueError, match=rf"run/{name} is damaged: .*delete it"):
        config.load(run / "config.json")
        report.rerender(run, lambda paths: {})
        Predictor.load(run / "model.keras")


@pytest.mark.parametrize(
    ("names", "damage"),
    [
        (["backup/features/train.npy", "backup/features/valid.npy"], flip),
        (["backup/features/train.npy", "backup/finetune/state.json"], empty),
        (["backup/finetune/epoch-0007.weights.h5"], zero),
        (["model.keras", "metrics.csv"], truncate),
    ],
)
def test_an_unfinished_run_makes_anew_what_is_damaged(
    trained, configure, toy_backbone, tmp_path, monkeypatch, names, damage
):
    _, data, whole = trained
    settings = configure(data, toy_backbone)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_calibrate", stop)
        trainer.train_and_evaluate(settings, tmp_path / "run")
    for name in names:
        damage(tmp_path / "run" / name)
    found = trainer.train_and_evaluate(settings, tmp_path / "run")
    assert found["test"]["loss"] == whole["test"]["loss"]
    assert found["test"]["mistakes"] == whole["test"]["mistakes"]


def test_a_damaged_cache_of_images_is_made_anew(data_dir, tmp_path, capsys):
    from trash_keras.data import pipeline
    from trash_keras.data.catalog import WHOLE, scan, single_split
    from trash_keras.data.readers.base import FolderReader

    split = pipeline.Split(single_split(scan(data_dir)), WHOLE, FolderReader(data_dir), 16)

    def read():
        images = pipeline.load_split(split, cache_dir=tmp_path / "cache").as_numpy_iterator()
        return np.stack([image for image, _ in images])

    whole = read()
    (file,) = (tmp_path / "cache").glob("*.npy")
    for damage in DAMAGES:
        damage(file)
        np.testing.assert_array_equal(read(), whole)
        assert f"{file} is damaged, and is made anew." in capsys.readouterr().err
