import dataclasses
import json
import resource
import subprocess
import sys

import pytest

from trash_keras.config import AUTO, Config
from trash_keras.training import batch_size, trainer


def sized(config, size):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=size))


@pytest.fixture
def tried(monkeypatch):
    """Fakes the processes that try batch sizes: which exit status each ends with."""

    def fake(statuses, said=""):
        sizes = []

        def run(command, input, **_):
            sizes.append(json.loads(input)["data"]["batch_size"])
            status = statuses.get(sizes[-1], 0)
            return subprocess.CompletedProcess(command, status, "", said)

        monkeypatch.setattr(subprocess, "run", run)
        return sizes

    return fake


@pytest.mark.parametrize("status", [batch_size.NO_MEMORY, -9, -6])
def test_the_largest_batch_that_fits_is_taken(tried, tmp_path, capsys, status):
    sizes = tried({32: status, 16: status})
    config = Config.make(batch_size="auto", data_dir="data")
    assert config.data.batch_size == AUTO
    assert batch_size.resolved(config, tmp_path) == sized(config, 8)
    assert sizes == [32, 16, 8]
    assert "--batch_size=auto: 16 images take too much memory" in capsys.readouterr().out


def test_where_nothing_fits_that_is_said(tried, tmp_path):
    tried(dict.fromkeys(batch_size.SIZES, -9))
    with pytest.raises(ValueError, match=r"not enough memory for --batch_size=1. .*--image_size"):
        batch_size.resolved(Config.make(batch_size="auto"), tmp_path)


def test_another_error_is_the_users(tried, tmp_path):
    tried({32: 1}, "Traceback\nValueError: --backbone must be there\n")
    with pytest.raises(ValueError, match=r"^--backbone must be there$"):
        batch_size.resolved(Config.make(batch_size="auto"), tmp_path)


def test_a_cross_validation_takes_a_number():
    with pytest.raises(ValueError, match="--batch_size=auto is for train"):
        trainer.check(Config.make(batch_size="auto"))


@pytest.mark.weekly
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="for Linux' limit of memory")
@pytest.mark.slow
def test_a_run_finds_its_batch_for_real_and_keeps_it(
    configure, toy_backbone, data_dir, tmp_path, monkeypatch, capsys
):
    limit, run = 8 * 2**30, subprocess.run

    def limited(command, **options):
        # TensorFlow's libraries alone take some 3 GB of addresses; the larger batch 6 GB and more.
        preexec = lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: E731
        is_ours = "trash_keras.training.batch_size" in command
        return run(command, **options, **({"preexec_fn": preexec} if is_ours else {}))

    monkeypatch.setattr(subprocess, "run", limited)
    monkeypatch.setattr(batch_size, "SIZES", (4096, 8))
    changes = {"image_size": 256, "head_epochs": 0, "finetune_epochs": 1}
    config = configure(data_dir, toy_backbone, batch_size="auto", **changes)
    assert batch_size.resolved(config, tmp_path).data.batch_size == 8
    assert "4096 images take too much memory" in capsys.readouterr().out
    small = dataclasses.replace(config, data=dataclasses.replace(config.data, image_size=16))
    monkeypatch.setattr(batch_size, "SIZES", (4,))
    trainer.train_and_evaluate(small, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["data"]["batch_size"] == 4
    monkeypatch.setattr(batch_size, "SIZES", ())  # a second start asks nothing
    assert trainer.train_and_evaluate(small, tmp_path / "run")["test"]["examples"] == 6
