"""Several workers train one model: two processes on this machine, named by TF_CONFIG."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import builders
from trash_keras.batch.shards import Layout, write_shards
from trash_keras.cli import local_workers
from trash_keras.config import Config, TrainingConfig
from trash_keras.data.sources import prepare
from trash_keras.host import cluster
from trash_keras.training import cross_validation, stages, trainer, workers

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "image_size": 16, "batch_size": 8, "head_epochs": 2, "head_learning_rate": 0.05,
    "finetune_epochs": 2, "finetune_learning_rate": 0.01, "dropout": 0.0, "deterministic": True,
    "accelerator": "cpu", "ema_momentum": 0.5, "scale_learning_rate": "linear",
}  # fmt: skip


def write_plain_backbone(path):
    """A feature extractor that computes the same however a batch is divided: no Dropout."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    keras.Model(inputs, keras.layers.BatchNormalization()(x), name="plain").save(path)


def free_ports(count):
    servers = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def variable(ports, index):
    addresses = [f"localhost:{port}" for port in ports]
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def start(arguments, folder, ports=(), index=0):
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    if ports:
        environment[cluster.VARIABLE] = variable(ports, index)
    return subprocess.Popen(
        [sys.executable, "-m", "trash_keras", "train", *map(str, arguments)],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def rows(workdir):
    with (workdir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def files(workdir):
    return sorted(str(path.relative_to(workdir)) for path in workdir.rglob("*"))


@pytest.mark.weekly
@pytest.mark.slow
def test_two_workers_train_like_one_and_go_on_after_one_was_killed(tmp_path, capsys):
    data = builders.write_solid(tmp_path / "data", per_class=20)
    shards, backbone = tmp_path / "shards", tmp_path / "plain.keras"
    write_shards(prepare.Request(str(data)), shards, Layout("tfrecord", 3, 100))
    write_plain_backbone(backbone)
    (tmp_path / "own").mkdir()
    one, two = tmp_path / "one", tmp_path / "two"
    # Files of shards, since TensorFlow would give each worker files of its own.
    flags = [f"--data_dir={shards}", "--data_format=tfrecord", f"--workdir={two}"]
    flags += [f"--{name}={value}" for name, value in (SETTINGS | {"backbone": backbone}).items()]
    ports = free_ports(2)
    pair = [start(flags, tmp_path / "own", ports, index) for index in range(2)]
    config = Config.make(data_dir=data, backbone=backbone, **SETTINGS)
    trainer.train_and_evaluate(config, one)
    assert "learning rates times 0.25" in capsys.readouterr().out
    while not (two / "metrics.csv").exists() or len(rows(two)) < 3:  # of 4
        assert [process.poll() for process in pair] == [None, None]
        time.sleep(0.01)
    pair[1].kill()
    _, errors = pair[0].communicate(timeout=90)  # TensorFlow notices after about 20 seconds
    pair[1].communicate()
    assert pair[0].returncode == 1 and "Traceback" not in errors
    assert re.search("error: A worker is gone: .*Start the same command again", errors)

    profile = tmp_path / "profile"
    again = start((*flags, "--workers=2", f"--profile={profile}"), tmp_path / "own")
    output, errors = again.communicate(timeout=300)
    assert again.returncode == 0 and "2 device(s)" in output, errors
    assert [row["phase"] for row in rows(two)] == ["head"] * 2 + ["finetune"] * 2
    for mine, theirs in zip(rows(one), rows(two), strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert float(theirs[name]) == pytest.approx(float(mine[name]), abs=1e-5), (name, mine)
    found = [json.loads((run / "report.json").read_text())["test"] for run in (one, two)]
    assert found[1]["loss"] == pytest.approx(found[0]["loss"], abs=1e-4)
    assert found[1]["examples"] == found[0]["examples"] == 9
    # The other worker has written nothing that stays, and no profile.
    assert "Profile of finetune, " in output and output.count("Profile of") == 1
    assert len(list(profile.rglob("*.xplane.pb"))) == 1
    assert files(one) == files(two)
    left = [path for path in (tmp_path / "own").glob("tmp*") if path.is_dir()]
    assert len(left) <= 1, left  # that of the killed


def test_all_wait_for_each_other_and_not_for_ever(monkeypatch):
    ports = free_ports(2)
    monkeypatch.setenv(cluster.VARIABLE, variable(ports, 1))
    monkeypatch.setattr(workers, "JOIN_SECONDS", 0.3)
    with pytest.raises(ValueError, match=f"no worker at localhost:{ports[0]}.*same command again"):
        workers.join()
    with socket.create_server(("", ports[0])):
        workers._wait_for_all(cluster.read())


@pytest.mark.parametrize(
    ("text", "addresses", "index"),
    [
        ("", (), 0),
        ('{"task": {"type": "worker", "index": 0}}', (), 0),
        ('{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}', ("a:1",), 0),
        (
            '{"cluster": {"worker": ["b:1", "c:1"], "chief": ["a:1"]}, '
            '"task": {"type": "worker", "index": "1"}, "environment": "cloud"}',
            ("a:1", "b:1", "c:1"), 2,
        ),
    ],
)  # fmt: skip
def test_a_cluster_is_read_from_the_variable(monkeypatch, text, addresses, index):
    monkeypatch.setenv(cluster.VARIABLE, text)
    found = cluster.read()
    assert (found.addresses, found.index) == (addresses, index)
    assert found.is_chief == (index == 0) and found.is_several == (len(addresses) > 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "get"),
        ('{"cluster": {"worker": ["a:1"]}}', "type"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "it has ps"),
        ('{"cluster": {"worker": []}, "task": {"type": "evaluator", "index": 0}}', "evaluator"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "not in its"),
    ],
)  # fmt: skip
def test_another_cluster_is_refused(monkeypatch, text, reason):
    monkeypatch.setenv(cluster.VARIABLE, text)
    with pytest.raises(ValueError, match=rf"TF_CONFIG must be like.*{reason}"):
        cluster.read()


def test_a_verb_that_trains_many_models_is_not_for_a_cluster(monkeypatch, configure, tmp_path):
    monkeypatch.setenv(cluster.VARIABLE, variable((1, 2), 0))
    with pytest.raises(ValueError, match="cross_validate trains many models"):
        cross_validation.cross_validate(configure("data", "b"), tmp_path)


def test_the_flag_is_for_one_machine(monkeypatch):
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    assert local_workers.are_to_start(2) and not local_workers.are_to_start(1)
    monkeypatch.setenv(cluster.VARIABLE, variable((1, 2), 1))
    assert not local_workers.are_to_start(2) and not local_workers.are_to_start(1)
    with pytest.raises(ValueError, match="--workers=3, and the variable TF_CONFIG names 2"):
        local_workers.are_to_start(3)


SCRIPT = """
import json, os, signal, sys, time
from pathlib import Path
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("error: of", index, file=sys.stderr, flush=True)
Path(sys.argv[2], str(index)).touch()
if index == int(sys.argv[1]):
    while not Path(sys.argv[2], str(1 - index)).exists():  # the other one has said its line
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60 if sys.argv[1] != "9" else 0)
"""


@pytest.mark.parametrize("failing", [0, 1, 9])
def test_a_worker_that_ends_ends_the_others(monkeypatch, capfd, tmp_path, failing):
    command = [sys.executable, "-c", SCRIPT, str(failing), str(tmp_path)]
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(command, **options))
    started = time.monotonic()
    if failing == 1:
        with pytest.raises(ValueError, match="Worker 1 of 2 ended with status -9: of 1"):
            local_workers.run(["train"], 2)
    else:
        assert local_workers.run(["train"], 2) == (128 + signal.SIGKILL if failing == 0 else 0)
    assert time.monotonic() - started < 15
    assert capfd.readouterr().err == "error: of 0\n"


@pytest.mark.parametrize(("rule", "factor"), [("none", 1), ("linear", 4), ("sqrt", 2)])
def test_the_learning_rate_follows_the_images_of_a_step(rule, factor):
    settings = TrainingConfig(scale_learning_rate=rule, warmup_ratio=0.0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])
    source = stages.Source(
        tf.data.Dataset.from_tensor_slices((np.eye(3), np.eye(3))), np.eye(3), [0, 1, 2]
    )
    recipe = stages.Recipe(settings, seed=0, batch_size=128)
    recipe.compile(model, stages.Phase("head", 0, 1, 0.125), source)
    assert float(model.optimizer.learning_rate) == 0.125 * factor
