"""The sweeps, as the W&B agent would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from trash_keras.config import Config, fields
from trash_keras.training.checkpoint import COLUMNS

ROOT = Path(__file__).parents[1]
SWEEPS = sorted(ROOT.glob("experiments/sweeps/*.yaml"))


def settings(parameters, pick):
    """Returns one trial: of each parameter the value that `pick` takes from its extremes."""
    found = {}
    for name, parameter in parameters.items():
        values = parameter.get("values") or [parameter["min"], parameter["max"]]
        found[name] = pick(values)
    return found


def trials(parameters):
    """Yields trials that take every listed value and both ends of every range."""
    longest = max(len(parameter.get("values", "ab")) for parameter in parameters.values())
    for index in range(longest):
        yield settings(parameters, lambda values, index=index: values[min(index, len(values) - 1)])


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_parameter_is_a_flag_and_every_value_is_allowed(path):
    sweep = yaml.safe_load(path.read_text())
    sections = {field.name: section for section, field in fields()}
    changing = {field.name for _, field in fields() if field.metadata["changes_result"]}
    assert set(sweep["parameters"]) <= changing
    for trial in trials(sweep["parameters"]):
        values = {}
        for name, value in trial.items():
            values.setdefault(sections[name], {})[name] = value
        Config.from_dict(values)  # refuses what is not allowed


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_metric_is_one_that_runs_log_and_test_decides_nothing(path):
    sweep = yaml.safe_load(path.read_text())
    assert sweep["metric"]["goal"] == "maximize"
    assert sweep["metric"]["name"] in {f"epoch/{column}" for column in COLUMNS}
    assert (ROOT / sweep["program"]).is_file()
    assert "wandb sweep" in path.read_text() and "wandb agent" in path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("pick", [min, max])
def test_the_command_that_the_agent_makes_is_understood(path, pick):
    from wandb.sdk.launch.sweeps import utils

    sweep = yaml.safe_load(path.read_text())
    trial = {
        name: {"value": settings({name: parameter}, lambda values: pick(values, key=str))[name]}
        for name, parameter in sweep["parameters"].items()
    }
    # What wandb_agent.Agent._command_run does with the command.
    parts = {"env": ["/usr/bin/env"], "interpreter": [sys.executable]}
    parts |= utils.create_sweep_command_args({"args": trial})
    command = []
    for part in utils.create_sweep_command(sweep["command"]):
        is_macro = part.startswith("${") and part.endswith("}")
        command += parts[part[2:-1]] if is_macro else [part]
    environment = os.environ | {"WANDB_RUN_ID": "trial001", "DATA_DIR": "no such folder"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    workdir = 'runs/sweeps/$WANDB_RUN_ID"'
    assert f'--workdir="{workdir}' in " ".join(command)
    # Every flag is read before the data folder is looked for, and nothing is written before that.
    assert done.stderr.startswith("error: There is no data folder no such folder."), done.stderr
    assert done.returncode == 1 and not (ROOT / "runs/sweeps/trial001").exists()
