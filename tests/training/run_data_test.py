import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trash_keras.config import Config, DataConfig
from trash_keras.data.catalog import SPLITS
from trash_keras.data.groups import load_groups, write_groups
from trash_keras.data.readers.base import FolderReader, open_reader
from trash_keras.training import run, run_data
from trash_keras.training.trainer import train_and_evaluate

COPIES = {"blue/copy.png": "blue/blue1.png", "red/copy.png": "green/green1.png"}


def splits_of(catalog):
    return {path: split for split in SPLITS for path in catalog.examples(split)[0]}


@pytest.fixture
def textured(tmp_path):
    """Images that the toy backbone tells apart, two of them copied with a little noise."""
    generator, folder = np.random.default_rng(0), tmp_path / "textured"
    images = {}
    for name in ("blue", "green", "red"):
        (folder / name).mkdir(parents=True)
        for index in range(12):
            cells = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            images[f"{name}/{name}{index}.png"] = np.kron(cells, np.ones((5, 5, 1), np.uint8))
    for copy, original in COPIES.items():
        noise = generator.integers(-3, 4, (20, 20, 3))
        images[copy] = np.clip(images[original] + noise, 0, 255).astype(np.uint8)
    for path, pixels in images.items():
        Image.fromarray(pixels).save(folder / path)
    return folder


def test_features_find_the_copies_and_keep_them_together(
    textured, toy_backbone, configure, tmp_path
):
    torn = 0
    for seed in range(4):
        changes = {"split_method": "grouped", "group_similarity": 0.98, "seed": seed}
        config = configure(textured, toy_backbone, **changes)
        folder = tmp_path / f"run{seed}"
        where = splits_of(run_data.resolve_splits(config, folder, FolderReader(textured)))
        assert len(where) == 38
        assert all(where[copy] == where[original] for copy, original in COPIES.items())
        groups = load_groups(folder / "groups.json")
        assert sorted(groups) == sorted(tuple(sorted(pair)) for pair in COPIES.items())
        config = configure(textured, toy_backbone, seed=seed)
        where = splits_of(run_data.resolve_splits(config, folder, FolderReader(textured)))
        torn += any(where[copy] != where[original] for copy, original in COPIES.items())
    assert torn  # a stratified split does not know of copies


def test_a_grouped_run_says_what_it_did_and_resumes_like_an_unbroken_one(
    textured, toy_backbone, configure, tmp_path, monkeypatch, capsys
):
    config = configure(
        textured, toy_backbone, split_method="grouped", group_similarity=0.98, head_epochs=2,
        finetune_epochs=1, mixed_precision="float32",
    )  # fmt: skip
    report = train_and_evaluate(config, tmp_path / "whole")
    assert "Near-duplicates: 4 images in 2 groups, at most 2 in one" in capsys.readouterr().out
    with monkeypatch.context() as broken:
        broken.setattr(keras.Model, "fit", lambda *_, **__: (_ for _ in ()).throw(OSError("kill")))
        with pytest.raises(OSError, match="kill"):
            train_and_evaluate(config, tmp_path / "broken")
    monkeypatch.setattr(run_data, "similar", None)  # not looked for again
    assert train_and_evaluate(config, tmp_path / "broken")["test"] == report["test"]
    texts = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "broken")]
    assert texts[0] == texts[1]


def test_named_groups_need_no_features(data_dir, toy_backbone, configure, tmp_path, monkeypatch):
    group = ("blue/blue0.png", "green/green0.png", "red/red0.png", "red/red1.png")
    write_groups(tmp_path / "groups.json", [group], {})
    monkeypatch.setattr(run_data, "features", None)
    config = configure(
        data_dir, toy_backbone, split_method="grouped", groups=str(tmp_path / "groups.json"),
        weights="none",
    )  # fmt: skip
    reader = FolderReader(data_dir)
    where = splits_of(run_data.resolve_splits(config, tmp_path / "run", reader))
    assert len({where[path] for path in group}) == 1
    assert load_groups(tmp_path / "run" / "groups.json") == [group]
    everything, groups = run_data.single_split_of_run(config, tmp_path / "folds", reader)
    assert len(everything.examples("all")[0]) == 36 and groups == [group]
    # The second time from its own folder: the file may have gone.
    (tmp_path / "groups.json").unlink()
    run_data.save_run_groups(tmp_path / "folds", groups, config)
    everything.save(tmp_path / "folds" / "catalog.json")
    assert run_data.single_split_of_run(config, tmp_path / "folds", reader) == (everything, groups)


def test_bad_files_are_left_out_of_features_and_splits(data_dir, toy_backbone, configure, tmp_path):
    (data_dir / "red" / "broken.png").write_bytes(b"text")
    config = configure(data_dir, toy_backbone, split_method="grouped", group_similarity=1.0)
    with pytest.raises(ValueError, match=r"red/broken.png"):
        run_data.resolve_splits(config, tmp_path / "run", FolderReader(data_dir))
    config = configure(
        data_dir, toy_backbone, split_method="grouped", group_similarity=1.0, bad_files="skip"
    )
    catalog = run_data.resolve_splits(config, tmp_path / "run", FolderReader(data_dir))
    assert catalog.bad_files == ("red/broken.png",) and len(splits_of(catalog)) == 36


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split_method": "grouped", "weights": "none"}, "trash-keras audit .*--groups=FILE"),
        ({"split_method": "grouped", "groups": "gone.json"}, "No usable groups at gone.json"),
        ({"groups": "gone.json"}, "--groups is for --split_method=grouped"),
        ({"split_method": "grouped", "groups": "GROUPS"}, "1 of the images .*blue/gone.png"),
    ],
)
def test_wrong_groups_are_refused_and_leave_nothing_behind(
    data_dir, toy_backbone, configure, tmp_path, changes, message
):
    named = tmp_path / "groups.json"
    named.write_text(json.dumps({"groups": [["blue/blue1.png", "blue/gone.png"]]}))
    changes = {k: str(named) if v == "GROUPS" else v for k, v in changes.items()}
    config = configure(data_dir, toy_backbone, **changes)
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_missing_data_are_brought_from_their_source_once(data_dir, tmp_path, capsys):
    settings = DataConfig(data_dir=str(tmp_path / "new" / "images"), data_source=str(data_dir))
    found = run_data.open_data(settings).files_by_class()
    assert found == open_reader(data_dir).files_by_class()
    assert "Bringing" in capsys.readouterr().out
    shutil.rmtree(data_dir)  # the second time nothing is asked for
    assert run_data.open_data(settings).files_by_class() == found
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "message"),
    [("", "There is no data folder"), ("gone", "There is no source 'gone'")],
)
def test_without_data_and_a_source_nothing_is_made(tmp_path, source, message):
    settings = DataConfig(data_dir=str(tmp_path / "images"), data_source=source)
    with pytest.raises(ValueError, match=message):
        run_data.open_data(settings).files_by_class()
    assert not (tmp_path / "images").exists()


def test_a_misspelt_backbone_is_named_before_images_are_brought(data_dir, tmp_path):
    config = Config.make(
        data_dir=str(tmp_path / "images"), data_source=str(data_dir), backbone="EfficientNetLite9"
    )
    with pytest.raises(ValueError, match="Unknown backbone 'EfficientNetLite9'"):
        run.look_at(config, tmp_path / "run", tf.distribute.get_strategy())
    assert list(tmp_path.iterdir()) == [data_dir]
