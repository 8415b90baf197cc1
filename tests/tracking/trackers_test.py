import subprocess
import sys
from pathlib import Path

import pytest

from trash_keras.config import Config, TrackingConfig
from trash_keras.tracking.trackers import open_trackers, wandb_mode

ROOT = Path(__file__).parents[2]
UNTRACKED = """
import sys
from pathlib import Path
from trash_keras.config import Config
from trash_keras.training import loop
from trash_keras.tracking.trackers import open_trackers
with open_trackers(Config(), Path("never"), lambda: 1 / 0) as trackers:
    assert trackers == [] and not Path("never").exists()
print([name for name in ("wandb", "tensorboard") if name in sys.modules])
"""


def tracked(**settings):
    return Config(tracking=TrackingConfig(**settings))


@pytest.mark.slow
def test_by_default_nothing_is_imported_asked_or_written():
    command = [sys.executable, "-c", UNTRACKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("flag", "variable", "mode"),
    [
        ("auto", None, "disabled"),
        ("auto", "online", "online"),
        ("auto", "offline", "offline"),
        ("auto", "dryrun", "offline"),
        ("auto", "disabled", "disabled"),
        ("disabled", "online", "disabled"),
        ("offline", "online", "offline"),
        ("online", "offline", "online"),
        ("online", "disabled", "online"),
    ],
)
def test_a_flag_wins_over_the_variable(monkeypatch, flag, variable, mode):
    if variable is None:
        monkeypatch.delenv("WANDB_MODE", raising=False)
    else:
        monkeypatch.setenv("WANDB_MODE", variable)
    assert wandb_mode(TrackingConfig(wandb_mode=flag)) == mode


def test_a_variable_that_names_no_mode_is_refused(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    with pytest.raises(ValueError, match="WANDB_MODE must be online, offline or disabled"):
        wandb_mode(TrackingConfig())


@pytest.mark.parametrize(
    ("settings", "package", "command"),
    [
        ({"wandb_mode": "offline"}, "wandb", "pip install wandb"),
        ({"tensorboard": True}, "tensorboard", r"pip install 'trash-keras\[tensorboard\]'"),
    ],
)
def test_a_missing_package_names_the_command_that_brings_it(
    tmp_path, monkeypatch, settings, package, command
):
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(ImportError, match=command),
        open_trackers(tracked(**settings), tmp_path, dict),
    ):
        pass
    assert not list(tmp_path.iterdir())
