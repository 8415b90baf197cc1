"""Runs that are to be online, and the networks they meet."""

import json
import subprocess
import sys
import time

import pytest

from tests.support import wandb_logs
from trash_keras.tracking import wandb_run, wandb_tracker
from trash_keras.training.trainer import train_and_evaluate

pytestmark = [pytest.mark.slow, pytest.mark.long]
KEY = "5ec4e7" * 7
LOG_EPOCH = wandb_tracker.EpochLogger.on_epoch_end
SHORT = {"wandb_mode": "online", "head_epochs": 2, "finetune_epochs": 1}


def assert_key_is_nowhere(workdir, said):
    for path in workdir.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in said.out + said.err


def test_without_a_key_a_run_is_logged_offline(
    client, tmp_path, data_dir, toy_backbone, configure, capfd
):
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    (log,) = wandb_logs.logs_of(tmp_path / "run")
    assert log.parent.name.startswith("offline-run-")
    assert sorted(wandb_logs.history(log)) == [0, 1, 2, 3]
    said = capfd.readouterr().out
    assert "W&B: logging offline. Reason: there is no API key; `wandb login`" in said
    assert said.count(f"wandb sync {log.parent}\n") == 2  # at the start and at the end


@pytest.mark.parametrize("server_is", ["a closed port", "silent"])
def test_without_a_response_a_run_is_logged_offline_after_seconds(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch, server_is
):
    if server_is == "silent":
        server.hanging.set()
    else:
        server.close()
    monkeypatch.delenv("WANDB_HTTP_TIMEOUT")  # the patience that users have
    begun = []
    monkeypatch.setattr(
        wandb_tracker.EpochLogger, "on_train_begin", lambda *_: begun.append(time.monotonic())
    )
    started = time.monotonic()
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    assert begun[0] - started < 40  # of which some 12 are the client's
    (log,) = wandb_logs.logs_of(tmp_path / "run")
    assert log.parent.name.startswith("offline-run-")
    assert sorted(wandb_logs.history(log)) == [0, 1, 2, 3]
    said = capfd.readouterr()
    assert "W&B: logging offline. Reason: " in said.out
    assert f"wandb sync {log.parent}\n" in said.out
    assert_key_is_nowhere(tmp_path / "run", said)


def test_a_key_that_is_none_is_not_said(
    online, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch
):
    monkeypatch.setenv("WANDB_API_KEY", "tooshort")
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    said = capfd.readouterr()
    assert "W&B: logging offline. Reason: " in said.out and "tooshort" not in said.out + said.err


def test_with_a_network_that_stays_the_server_gets_everything(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch
):
    monkeypatch.setattr(wandb_run, "LOOK_SECONDS", 0.5)  # sending outlasts a few looks
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    run_id = (tmp_path / "run/wandb_run_id.txt").read_text()
    assert sent_epochs(server, run_id) == [0, 1, 2]
    assert server.summaries[run_id]["test/accuracy"] >= 0
    assert server.configs[run_id]["image_size"] == {"value": 16}
    assert f"run_{run_id}_model" in server.artifacts
    said = capfd.readouterr()
    assert "wandb sync" not in said.out
    live, evaluation = wandb_logs.logs_of(tmp_path / "run")
    assert (live.parent.name[:4], evaluation.parent.name[:8]) == ("run-", "offline-")
    for log in (live, evaluation):
        assert log.with_suffix(".wandb.synced").exists()  # nothing is left for `wandb sync`
    assert_key_is_nowhere(tmp_path / "run", said)


def test_a_network_that_comes_back_gets_a_run_that_was_begun_without_it(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch
):
    server.hanging.set()
    monkeypatch.setattr(
        wandb_tracker.EpochLogger, "on_train_begin", lambda *_: server.hanging.clear()
    )
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    run_id = (tmp_path / "run/wandb_run_id.txt").read_text()
    said = capfd.readouterr().out
    assert "W&B: logging offline. Reason: " in said and "only on disk" not in said
    assert sent_epochs(server, run_id) == [0, 1, 2]
    assert f"run_{run_id}_model" in server.artifacts


def test_a_network_that_dies_while_files_are_sent_loses_none_of_them(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch
):
    monkeypatch.setattr(wandb_run, "LOOK_SECONDS", 1)
    for name in ("HTTP", "FINISH"):
        monkeypatch.delenv(f"WANDB_{name}_TIMEOUT")  # the patience that users have
    respond = server.respond

    def dying(name, values):
        if name == "CreateArtifact":
            server.hanging.set()
        return respond(name, values)

    monkeypatch.setattr(server, "respond", dying)
    train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    run_id = (tmp_path / "run/wandb_run_id.txt").read_text()
    said = capfd.readouterr().out
    assert "W&B: not all was sent. Reason: " in said
    _, evaluation = wandb_logs.logs_of(tmp_path / "run")
    assert said.endswith(f"wandb sync {evaluation.parent}\n")
    monkeypatch.undo()
    server.hanging.clear()
    sync(server, ["sync", str(evaluation.parent)], tmp_path)
    assert f"run_{run_id}_model" in server.artifacts
    assert sent_epochs(server, run_id) == [0, 1, 2]


def sync(server, arguments, folder):
    """Runs `wandb sync` as a user with a network does."""
    environment = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "wandb", *arguments],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def wait_until(condition):
    """Waits until the client has sent what it sends every some seconds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def break_after(monkeypatch, last):
    """Makes training break off when an epoch was logged; None makes it go on."""

    def logging(self, epoch, logs=None):
        LOG_EPOCH(self, epoch, logs)
        if epoch == last:
            raise KeyboardInterrupt

    monkeypatch.setattr(wandb_tracker.EpochLogger, "on_epoch_end", logging)


def sent_epochs(server, run_id):
    """Returns the epochs that a server has of a run, in the order of its lines."""
    lines = [json.loads(line) for _, line in sorted(server.history.get(run_id, {}).items())]
    return [line["epoch/epoch"] for line in lines if "epoch/epoch" in line]


@pytest.mark.parametrize("death", ["hangs", "is gone"])
def test_a_network_that_dies_in_mid_training_costs_seconds_and_no_epoch(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch, death
):
    logged = []

    def dying(self, epoch, logs=None):
        if epoch == 1:
            wait_until(lambda: sent_epochs(server, self._tracked.run.id) == [0])
            server.hanging.set() if death == "hangs" else server.close()
        started = time.monotonic()
        LOG_EPOCH(self, epoch, logs)
        logged.append(time.monotonic() - started)

    monkeypatch.setattr(wandb_tracker.EpochLogger, "on_epoch_end", dying)
    ended, evaluation = [], wandb_tracker.WandbTracker.evaluation

    def timed(self, *arguments):
        started = time.monotonic()
        evaluation(self, *arguments)
        ended.append(time.monotonic() - started)

    monkeypatch.setattr(wandb_tracker.WandbTracker, "evaluation", timed)
    report = train_and_evaluate(configure(data_dir, toy_backbone, **SHORT), tmp_path / "run")
    assert report["test"]["examples"] == 6
    assert len(logged) == 3 and max(logged) < 1  # no epoch waits for the network
    assert ended[0] < 30
    first, second = wandb_logs.logs_of(tmp_path / "run")
    assert (first.parent.name[:4], second.parent.name[:8]) == ("run-", "offline-")
    assert sorted(wandb_logs.history(first)) == [0, 1, 2]
    assert sorted(wandb_logs.history(second)) == [3]
    assert ("model", f"run_{first.stem[4:]}_model") in wandb_logs.artifacts(second)
    assert_dead_run_can_be_sent(server, death, tmp_path, capfd, [first, second])


def assert_dead_run_can_be_sent(server, death, tmp_path, capfd, logs):
    first, second = logs
    said = capfd.readouterr()
    assert "W&B: going on offline. Reason: " in said.out
    command = f"wandb sync --include-online {first.parent} {second.parent}"
    assert f"{command}\n" in said.out
    assert_key_is_nowhere(tmp_path / "run", said)
    if death == "hangs":
        server.hanging.clear()
        sync(server, command.split()[1:], tmp_path)
        assert sent_epochs(server, first.stem[4:]) == [0, 1, 2]


def test_the_command_that_is_said_puts_the_parts_of_a_run_together(
    online, server, tmp_path, data_dir, toy_backbone, configure, capfd, monkeypatch
):
    """Begun offline, killed, gone on with: `wandb sync` makes one run with each epoch once."""
    config = configure(data_dir, toy_backbone, **SHORT | {"wandb_mode": "offline"})
    break_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        train_and_evaluate(config, tmp_path / "run")
    break_after(monkeypatch, None)
    train_and_evaluate(config, tmp_path / "run")
    said = [line for line in capfd.readouterr().out.splitlines() if "wandb sync" in line][-1]
    command = said.partition("with: wandb ")[2].split()
    assert len(command) == 3  # sync and two folders
    run_id = (tmp_path / "run/wandb_run_id.txt").read_text()
    assert run_id not in server.history
    sync(server, command, tmp_path)
    assert sent_epochs(server, run_id) == [0, 1, 2]
    assert server.summaries[run_id]["test/accuracy"] >= 0
    assert f"run_{run_id}_model" in server.artifacts


def test_a_run_goes_on_online_from_what_the_server_has(
    online, server, tmp_path, data_dir, toy_backbone, configure, monkeypatch
):
    config = configure(data_dir, toy_backbone, **SHORT)
    break_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        train_and_evaluate(config, tmp_path / "run")
    break_after(monkeypatch, None)
    run_id = (tmp_path / "run/wandb_run_id.txt").read_text()
    assert sent_epochs(server, run_id) == [0, 1]
    train_and_evaluate(config, tmp_path / "run")
    assert list(server.history) == [run_id] and sent_epochs(server, run_id) == [0, 1, 2]
