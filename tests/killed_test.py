"""SIGKILL at 20 random moments of training, export and adaptation: the same commands end alike."""

import csv
import json
import random
import signal
import time

import pytest

from tests.support import builders

pytestmark = [pytest.mark.slow, pytest.mark.long]
KILLS = {"train": 12, "export": 4, "adapt": 4}
ELSEWHERE = {"blue": (90, 110, 170), "green": (90, 150, 100), "red": (160, 90, 90)}
SEED = random.SystemRandom().randrange(10**6)  # another one each time; a failure shows it


@pytest.fixture
def commands(tmp_path, toy_backbone):
    """Returns the arguments of each verb, for a folder of runs."""
    data = builders.write_solid(tmp_path / "data")
    place = builders.write_solid(tmp_path / "place", per_class=6, colours=ELSEWHERE)

    def make(folder):
        run = f"--workdir={folder}/run"
        return {
            "train": (
                run, f"--data_dir={data}", f"--backbone={toy_backbone}", "--image_size=16",
                "--batch_size=8", "--head_epochs=4", "--head_learning_rate=0.05",
                "--finetune_epochs=3", "--head_views=2", "--deterministic", "--accelerator=cpu",
            ),
            "export": (run, "--formats=float32,dynamic", "--timing_rounds=0"),
            "adapt": (
                f"--workdir={folder}/adapted", f"--data_dir={place}",
                f"--model={folder}/run/model.keras",
            ),
        }  # fmt: skip

    return make


def numbers(value):
    """Returns every number in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, int | float) else []


def figures(folder):
    """Returns every number that the verbs end with, and the names of all that they leave."""
    with (folder / "run" / "metrics.csv").open() as file:
        found = [float(each) for row in csv.reader(file) for each in row[1:] if row[1] != "epoch"]
    for name in ("run", "adapted"):
        report = json.loads((folder / name / "report.json").read_text())
        report.pop("run")  # when and where
        found += numbers(report)
    export = json.loads((folder / "run" / "export" / "export.json").read_text())
    found += [kind["agreement"] for kind in export["kinds"].values()]
    return found, {str(path.relative_to(folder)) for path in folder.rglob("*")}


def kill_at_random(script_server, verb, arguments, seconds, draw):
    """Kills a verb at a moment of the first part of what the whole of it takes."""
    moment = time.monotonic() + draw.uniform(0, seconds)
    done = script_server.kill(verb, arguments, lambda: time.monotonic() > moment)
    assert done.returncode in (0, -signal.SIGKILL), done
    assert "damaged" not in done.stdout + done.stderr, done
    return done.returncode != 0


@pytest.mark.weekly
def test_the_same_commands_end_alike_however_often_they_were_killed(
    script_server, commands, tmp_path
):
    print(f"seed {SEED}")  # shown where the test fails
    draw, whole, seconds = random.Random(SEED), tmp_path / "whole", {}
    for verb, arguments in commands(whole).items():
        started = time.monotonic()
        done = script_server.run(verb, arguments)
        assert done.returncode == 0, done.stderr
        seconds[verb] = time.monotonic() - started
    killed = tmp_path / "killed"
    kills = 0
    for verb, arguments in commands(killed).items():
        for _ in range(KILLS[verb]):
            kills += kill_at_random(script_server, verb, arguments, 0.7 * seconds[verb], draw)
        done = script_server.run(verb, arguments)
        assert done.returncode == 0 and "damaged" not in done.stdout + done.stderr, done
    (expected, names), (found, left) = figures(whole), figures(killed)
    assert found == pytest.approx(expected, abs=1e-5)
    assert left == names
    assert kills >= sum(KILLS.values()) / 4, kills  # a verb may be done before
