"""What people read while a verb works and at its end: on a terminal, and in a pipe or a log."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import builders, terminal

ROOT = Path(__file__).parents[2]
VERB = [sys.executable, "-m", "trash_keras"]
# Moves, colours and the like; a line break is none.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@pytest.fixture(autouse=True)
def in_this_clone(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def images(tmp_path):
    folder = builders.write_solid(tmp_path / "images", per_class=1)
    shutil.copy(next(folder.rglob("*.png")), folder / "[red]x.png")
    return folder


def test_predict_on_a_terminal_aligns_colours_and_counts(images):
    shown, status = terminal.run([*VERB, "predict", str(images)], columns=200)
    assert status == 0, shown
    *lines, last = shown.splitlines()
    assert len(lines) == 4 and all(re.search(r"\x1b\[3[123]m", line) for line in lines)
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in lines]
    assert any("[red]x.png " in line for line in plain)
    assert len({re.search(r"\S+ +\d+\.\d%", line).start() for line in plain}) == 1
    assert len({line.index("%") for line in plain}) == 1
    assert last.startswith("4 images: ")


def test_predict_in_a_pipe_writes_plain_lines(images):
    done = subprocess.run([*VERB, "predict", images], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and all(line.startswith(f"{images}/") for line in lines)
    assert done.stderr == "" and not CONTROL.search(done.stdout)

    as_json = [*VERB, "predict", "--format=json", images]
    assert subprocess.run(as_json, capture_output=True, text=True).stderr == ""


EPOCH = (
    r"^(head    |finetune) ([1-4])/4: valid accuracy +\d+\.\d%, best +\d+\.\d% \(epoch \d\)(.*)$"
)
NEXT = """\
Report: {run}/report.html
Next:
  trash-keras predict --model={run}/model.keras IMAGE_OR_FOLDER
  trash-keras export --workdir={run}
"""


@pytest.mark.slow
def test_training_says_an_epoch_a_line_and_ends_with_what_to_do_next(
    tmp_path, data_dir, toy_backbone, script
):
    workdir = tmp_path / "run"
    flags = [
        "train", f"--data_dir={data_dir}", f"--backbone={toy_backbone}", "--image_size=16",
        "--batch_size=8", "--head_epochs=2", "--finetune_epochs=2", "--accelerator=cpu",
    ]  # fmt: skip
    shown, status = terminal.run([*VERB, *flags, f"--workdir={workdir}"])
    assert status == 0, shown
    assert "\rEpoch 1/4:   0%|" in shown
    # What stays on the screen: of each line what the last carriage return left.
    screen = [re.sub(r"\x1b\[\d*m", "", line).split("\r")[-1] for line in shown.splitlines()]
    assert len([line for line in screen if re.match(EPOCH, line)]) == 4
    assert "\n".join(screen).endswith(NEXT.format(run=workdir).rstrip())

    log = script(*flags, f"--workdir={tmp_path}/log run")
    assert log.returncode == 0, log.stderr
    epochs = re.findall(EPOCH, log.stdout, re.MULTILINE)
    assert [number for _, number, _ in epochs] == ["1", "2", "3", "4"]
    assert [left.partition(" left")[2] for *_, left in epochs] == [" of head", "", "", ""]
    assert re.search(r"^test: accuracy \d+\.\d% \(95% interval \d", log.stdout, re.MULTILINE)
    assert f"--model={tmp_path}/log run/model.keras' IMAGE" in log.stdout  # quoted
    assert not CONTROL.search(log.stdout + log.stderr)
