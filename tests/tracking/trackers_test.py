import subprocess
import sys
from pathlib import Path

import pytest

from trash_keras.config import Config, TrackingConfig
from trash_keras.tracking.trackers import open_trackers

ROOT = Path(__file__).parents[2]
UNTRACKED = """
import sys
from pathlib import Path
from trash_keras.config import Config
from trash_keras.training import trainer
from trash_keras.tracking.trackers import open_trackers
with open_trackers(Config(), Path("never"), lambda: 1 / 0) as trackers:
    assert trackers == [] and not Path("never").exists()
print([name for name in ("wandb", "tensorboard") if name in sys.modules])
"""


def tracked(**settings):
    return Config(tracking=TrackingConfig(**settings))


@pytest.mark.slow
def test_by_default_nothing_is_imported_or_written():
    command = [sys.executable, "-c", UNTRACKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("settings", "package", "command"),
    [
        ({"wandb_mode": "offline"}, "wandb", "pip install wandb"),
        ({"tensorboard": True}, "tensorboard", r"pip install '\.\[tensorboard\]'"),
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
