"""`~` and `~user` in every flag, argument and list that takes paths."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trash_keras import config
from trash_keras.cli import flags, verbs
from trash_keras.data.image_files import iter_image_files
from trash_keras.storage import paths

# Text flags of verbs that are no paths. A new flag belongs here or into `flags.PATHS`.
NO_PATHS = {
    "preset", "host", "license", "sha256", "split", "runner_options", "wandb_project",
    "wandb_entity", "wandb_name", "wandb_tags", "threads", "formats", "suite", "flagfile",
    "undefok", "cors_origins", "finetune_epochs",
}  # fmt: skip
SHOW = """
import importlib, json, sys
from trash_keras.cli import flags
from absl import flags as absl_flags
verb = importlib.import_module("trash_keras.cli." + sys.argv[1])
rest = flags.parse(sys.argv[1:])
values = {name: absl_flags.FLAGS[name].value for name in absl_flags.FLAGS}
print(json.dumps([rest[1:], values], default=str))
"""
LIST = """
import importlib, json, sys
from absl import flags
verb = importlib.import_module("trash_keras.cli." + sys.argv[1])
kinds = "string", "comma separated list of strings"
print(json.dumps([flag.name for flag in flags.FLAGS.get_key_flags_for_module(verb)
                  if flag.flag_type() in kinds]))
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, env=os.environ | {"HOME": "/home/me"}, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", "/home/me"),
        ("~/a b/ü", "/home/me/a b/ü"),
        ("~root/x", os.path.expanduser("~root/x")),
        ("a/~/b", "a/~/b"),
        ("./~x", "./~x"),
        ("/data/x~", "/data/x~"),
        ("gs://bucket/~me", "gs://bucket/~me"),
        ("tfds:beans@~/tfds", "tfds:beans@/home/me/tfds"),
        ("tfds:beans/config:1.0.0", "tfds:beans/config:1.0.0"),
        ("home=~/mine", "home=/home/me/mine"),
        ("beans=tfds:beans@~/tfds", "beans=tfds:beans@/home/me/tfds"),
        ("a/b=~", "a/b=~"),
        ("", ""),
    ],
)
def test_a_tilde_at_the_beginning_is_a_home_folder(monkeypatch, written, meant):
    monkeypatch.setenv("HOME", "/home/me")
    assert paths.expand(written) == meant


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_every_text_flag_is_a_path_or_known_not_to_be_one(verb):
    found = {*run(LIST, verb)}
    assert not found - flags.PATHS - NO_PATHS


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("train", ["--workdir=~/run", "--data_dir=~/data", "--cache_dir", "~/cache",
                   "--teacher=~/a.keras,b.keras,~/c.keras", "--slices=~/s.csv:camera",
                   "--other_dir=~/others", "--audit=~/audit.json"]),
        ("evaluate", ["--model=~/m.keras", "--data_dir=d", "--output=~", "--label_map=~/map.json",
                      "--slices=~/s.csv", "--ood_dir=~/ood", "--catalog=~/c.json"]),
        ("audit", ["--data_dir=~/d", "--output=~/o", "--groups=~/g.json", "--split_dir=~/lists"]),
        ("predict", ["--explain=~/maps", "--paths_file=~/list.txt", "--output=~/job", "~/a.jpg"]),
        ("prepare", ["--source=~/trash.zip", "--data_dir=~/d"]),
        ("benchmark", ["--output=~/times.json", "~/a.tflite", "gs://b/~/c", "~/b.onnx"]),
    ],
)  # fmt: skip
def test_verbs_get_paths_without_a_tilde(verb, given):
    rest, values = run(SHOW, verb, *given)
    everything = " ".join([*rest, *map(str, values.values())]).replace("gs://b/~/c", "")
    assert "~" not in everything and everything.count("/home/me") >= len(given) - 1


def test_values_of_a_flag_file_are_paths_too(tmp_path):
    (tmp_path / "f").write_text("--workdir=~/run\n--init=~/x.keras\n")
    _, values = run(SHOW, "train", f"--flagfile={tmp_path}/f")
    assert (values["workdir"], values["init"]) == ("/home/me/run", "/home/me/x.keras")


def test_the_home_of_nobody_is_refused_by_name():
    assert "--workdir: there is no user nobody-here. A file or folder that is called so" in run(
        SHOW, "train", "--workdir=~nobody-here/run"
    )


def test_a_file_whose_name_begins_with_a_tilde_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~$photo.jpg").touch()
    assert paths.expand("~$photo.jpg") == "~$photo.jpg"
    assert list(iter_image_files(["~$photo.jpg"])) == ["~$photo.jpg"]


def test_lines_of_a_list_of_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "list.txt").write_text("~/a.jpg\nb.jpg\n/c/~d.jpg\n")
    found = list(iter_image_files([], str(tmp_path / "list.txt")))
    assert found == ["/home/me/a.jpg", "b.jpg", "/c/~d.jpg"]


def test_settings_in_python_follow_the_same_rule(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    made = config.Config.make(data_dir=Path("~/d"), teacher="~/a.keras,~/b.keras", preset="best")
    assert made.data.data_dir == "/home/me/d"
    assert made.distillation.teacher == "/home/me/a.keras,/home/me/b.keras"
    assert config.Config.from_dict(made.to_dict()) == made
