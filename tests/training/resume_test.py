"""A run and its data: what is new is told, and where the data lies may change."""

import json
import os
import shutil

import pytest
from PIL import Image

from tests.support import builders
from trash_keras import config as settings
from trash_keras.batch.shards import Layout, write_shards
from trash_keras.config import check_workdir
from trash_keras.data.sources.prepare import Request
from trash_keras.exporters import exporter
from trash_keras.storage import local
from trash_keras.training import trainer
from trash_keras.training.trainer import train_and_evaluate

FLAGS = {"head_epochs": 1, "finetune_epochs": 0, "ood_scaling": False}


def add(folder, name="new", count=1):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (20, 20), (9 * number, 90, 0)).save(folder / f"{name}{number}.png")


@pytest.fixture(scope="module")
def finished(train_once):
    return train_once("resume", {"per_class": 6}, **FLAGS)


@pytest.fixture
def run(finished, tmp_path, toy_backbone):
    """A finished run with data of its own: (folder, data, configuration maker)."""
    workdir, data, _ = finished
    shutil.copytree(workdir, tmp_path / "run")
    shutil.copytree(data, tmp_path / "data")

    def make(data_dir, **changes):
        return builders.toy_config(data_dir, toy_backbone, **{**FLAGS, **changes})

    known = make(tmp_path / "data").to_dict()
    local.write_text(tmp_path / "run" / "config.json", json.dumps(known))
    return tmp_path / "run", tmp_path / "data", make


@pytest.fixture
def broken(run, monkeypatch):
    """The same, broken off before it was calibrated."""
    workdir, data, make = run
    shutil.rmtree(workdir)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_calibrate", stop)
        train_and_evaluate(make(data), workdir)
    assert (workdir / "catalog.json").exists() and not (workdir / "report.json").exists()
    return run


def add_class(data):
    add(data / "glass", count=4)


def add_images(data):
    add(data / "red", "more", 2)
    add(data / "blue" / "below")


def add_both(data):
    add(data / "glass", count=1)
    add(data / "red", "more")


@pytest.mark.parametrize(
    ("come", "told"),
    [(add_class, r"class glass \(4 images\)\."),
     (add_images, r"3 images of blue, red \(blue/below/new0\.png for one\)\."),
     (add_both, r"class glass \(1 image\); 1 image of red \(red/more0\.png for one\)\.")],
)  # fmt: skip
def test_a_finished_run_names_what_is_new_and_how_to_train_on_it(run, come, told):
    workdir, data, make = run
    come(data)
    expected = rf"complete: .*report\.html\. New in .*{told} To train .* another --workdir"
    with pytest.raises(ValueError, match=expected):
        train_and_evaluate(make(data), workdir)


def test_a_finished_run_is_complete_with_the_same_less_or_no_data(run, capsys):
    workdir, data, make = run
    (data / "notes.txt").write_text("no image")
    (data / "red" / ".hidden.png").write_bytes(b"x")
    for change in (lambda: None, (data / "red/red0.png").unlink, lambda: shutil.rmtree(data)):
        change()
        assert train_and_evaluate(make(data), workdir)["test"]["examples"]
        assert "This run is complete" in capsys.readouterr().out


def test_a_file_left_out_as_undecodable_is_not_new(run):
    workdir, data, make = run
    catalog = json.loads((workdir / "catalog.json").read_text())
    (data / "red" / "bad.png").write_bytes(b"no image")
    catalog["bad_files"] = ["red/bad.png"]
    local.write_text(workdir / "catalog.json", json.dumps(catalog))
    assert train_and_evaluate(make(data), workdir)


def test_a_broken_run_goes_on_as_it_began_and_says_so(broken, capsys):
    workdir, data, make = broken
    add_both(data)
    report = train_and_evaluate(make(data), workdir)
    assert report["class_names"] == ["blue", "green", "red"]
    told = capsys.readouterr().out
    assert "class glass (1 image); 1 image of red" in told
    assert "This run goes on without them." in told


def test_unused_folders_beside_split_folders_are_not_new(run, tmp_path, capsys):
    _, data, make = run
    for split in ("TRAIN", "TEST"):
        shutil.copytree(data, tmp_path / "parts" / split)
    add(tmp_path / "parts" / "unlabelled", count=3)
    config = make(tmp_path / "parts", split_method="folders")
    report = train_and_evaluate(config, tmp_path / "other")
    assert report["test"]["examples"] == 18 and report["valid"]["examples"] == 3
    assert "Folders that are in no split are not used: unlabelled" in capsys.readouterr().out
    train_and_evaluate(config, tmp_path / "other")
    add(tmp_path / "parts" / "TEST" / "red", count=2)
    with pytest.raises(ValueError, match="2 images of red"):
        train_and_evaluate(config, tmp_path / "other")


def test_moved_data_resumes(broken, tmp_path):
    workdir, data, make = broken
    data.rename(tmp_path / "elsewhere")
    report = train_and_evaluate(make(tmp_path / "elsewhere"), workdir)
    assert report["config"]["data"]["data_dir"] == str(tmp_path / "elsewhere")


def test_moved_data_of_a_finished_run_is_noted_for_later(run, tmp_path):
    workdir, data, make = run
    data.rename(tmp_path / "elsewhere")
    train_and_evaluate(make(tmp_path / "elsewhere"), workdir)
    assert settings.load(workdir / "config.json").data.data_dir == str(tmp_path / "elsewhere")
    write_shards(Request(str(tmp_path / "elsewhere")), tmp_path / "shards",
                 Layout("tfrecord", 2, 100))  # fmt: skip
    train_and_evaluate(make(tmp_path / "shards", data_format="tfrecord"), workdir)


@pytest.mark.parametrize(
    ("change", "message"),
    [("content", "are others of the same names"), ("missing", "1 of its 18 images are not in"),
     ("gone", "There is no data folder")],
)  # fmt: skip
def test_other_data_does_not_resume(run, tmp_path, change, message):
    workdir, data, make = run
    other = tmp_path / "other"
    if change != "gone":
        shutil.copytree(data, other)
    if change == "content":  # of the same size
        one, two = other / "red/red0.png", other / "red/red1.png"
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)
    if change == "missing":
        (other / "red/red0.png").unlink()
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(make(other), workdir)
    assert settings.load(workdir / "config.json").data.data_dir == str(data)


def test_another_spelling_of_a_path_is_the_same(run, tmp_path, monkeypatch):
    workdir, data, make = run
    (tmp_path / "link").symlink_to(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    known = make(data, split_dir=str(tmp_path)).to_dict()
    local.write_text(workdir / "config.json", json.dumps(known))
    for name in ("data", "./data/", f"{data}/", "run/../data", str(tmp_path / "link"), "~/data"):
        check_workdir(make(name, split_dir="./"), workdir)
    for name in ("data/red", "other", "gs://data"):
        with pytest.raises(ValueError, match="holds a run of another configuration: --data_dir"):
            check_workdir(make(name, split_dir="."), workdir)
    assert os.path.samefile("link", "data")


def test_while_a_run_is_at_work_nobody_else_begins_or_exports(
    tmp_path, data_dir, toy_backbone, kill_script
):
    workdir = tmp_path / "run"
    flags = {"head_epochs": 500, "finetune_epochs": 0}
    refused = []

    def begin():
        if not (workdir / "model.keras").exists():
            return False
        for seed in (0, 1):
            config = builders.toy_config(data_dir, toy_backbone, seed=seed, **flags)
            with pytest.raises(ValueError, match="Another process is at work"):
                train_and_evaluate(config, workdir)
            refused.append(seed)
        return True

    given = [f"--{name}={value}" for name, value in flags.items()]
    kill_script(
        "train", f"--data_dir={data_dir}", f"--backbone={toy_backbone}", f"--workdir={workdir}",
        "--image_size=16", "--batch_size=8", *given, when=begin,
    )  # fmt: skip
    assert refused == [0, 1]
    with pytest.raises(ValueError, match="is not finished, so its model may still change"):
        exporter.export(workdir, ["float32"])
    assert not (workdir / "export").exists()
