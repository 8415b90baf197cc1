import sys
from types import ModuleType

import pytest

from trash_keras.training.loop import train_and_evaluate
from trash_keras.training.tracking import tracking


class FakeRun:
    def __init__(self, **options):
        self.options, self.exit_code = options, None

    def finish(self, exit_code):
        self.exit_code = exit_code


@pytest.fixture
def runs(monkeypatch):
    """Puts a client in the place of wandb that writes down the runs it opens."""
    opened = []
    client, integration, callbacks = (
        ModuleType(name) for name in ("wandb", "wandb.integration", "wandb.integration.keras")
    )
    client.init = lambda **options: opened.append(FakeRun(**options)) or opened[-1]
    callbacks.WandbMetricsLogger = lambda: "logger"
    for module in (client, integration, callbacks):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return opened


def test_disabled_neither_imports_nor_writes_anything(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with tracking("disabled", "project", tmp_path, {}) as callbacks:
        assert callbacks == []
    assert not list(tmp_path.iterdir())


def test_a_missing_client_names_the_command_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with (
        pytest.raises(ImportError, match="pip install wandb"),
        tracking("offline", "p", tmp_path, {}),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_resuming_continues_the_same_wandb_run(runs, tmp_path):
    for _ in range(2):
        with tracking("offline", "project", tmp_path, {"seed": 3}) as callbacks:
            assert callbacks == ["logger"] and runs[-1].exit_code is None
    first, second = (run.options for run in runs)
    assert first == second
    assert first["id"] == (tmp_path / "wandb_run_id.txt").read_text().strip()
    assert len(first["id"]) == 8 and first["resume"] == "allow"
    assert (first["mode"], first["project"], first["dir"]) == ("offline", "project", tmp_path)
    assert first["config"] == {"seed": 3} and runs[-1].exit_code == 0
    with tracking("offline", "project", tmp_path / "other", {}):
        assert runs[-1].options["id"] != first["id"]


def test_the_project_of_the_environment_stays_in_force(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    with tracking("online", "project", tmp_path, {}):
        assert (runs[-1].options["project"], runs[-1].options["mode"]) == ("mine", "online")


def test_a_run_that_breaks_is_marked_as_failed(runs, tmp_path):
    with pytest.raises(KeyboardInterrupt), tracking("offline", "project", tmp_path, {}):
        raise KeyboardInterrupt
    assert runs[-1].exit_code == 1


@pytest.mark.slow
def test_the_real_client_logs_both_phases_offline(tmp_path, data_dir, toy_backbone, configure):
    config = configure(
        data_dir, toy_backbone, wandb_mode="offline", head_epochs=2, finetune_epochs=1
    )
    train_and_evaluate(config, tmp_path / "run")
    (log,) = (tmp_path / "run").glob("wandb/offline-run-*/*.wandb")
    assert log.stem.removeprefix("run-") == (tmp_path / "run/wandb_run_id.txt").read_text()
    content = log.read_bytes()
    for name in (b"epoch/val_accuracy", b"epoch/learning_rate", b"image_size"):
        assert name in content
