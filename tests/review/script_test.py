"""`trash-keras predict --save_unsure` and `trash-keras review` from the command line.

In processes of their own: none of it needs Keras.
"""

import functools
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(script):
    return functools.partial(script, fresh=True)


def test_unsure_images_are_collected_and_reviewed_until_ctrl_c(folder, run, tmp_path):
    target = tmp_path / "collected"
    collected = run("predict", f"--save_unsure={target}", "--threshold=1", "--format=json", folder)
    assert collected.returncode == 0 and f"5 images saved in {target}" in collected.stderr
    assert {json.loads(line)["label"] for line in collected.stdout.splitlines()} == {"unsure"}
    again = run("predict", f"--save_unsure={target}", "--threshold=1", folder)
    assert f"0 images saved in {target}, 5 were there already" in again.stderr
    command = [sys.executable, "-m", "trash_keras", "review", str(target), "--port=0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A process that was started in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        with urllib.request.urlopen(f"{address}state", timeout=30) as response:
            state = json.loads(response.read())
        second = run("review", target)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert line.startswith("5 images to name at ") and process.returncode == 0
    assert [each["name"] for each in state["classes"]][:2] == ["cardboard", "glass"]
    assert second.returncode == 1
    assert (
        second.stderr
        == f"error: {target} is reviewed by another process. Use its page, or stop it first.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name one folder of images: trash-keras review DIR. Received: none"),
        (("a", "b"), "Received: a b"),
        (("nowhere",), "There is no folder nowhere"),
        (("{folder}", "--model=nowhere.keras"), "There is no model at nowhere.keras"),
        (("{folder}", "--model={folder}/red.png"), "--model takes a"),
        (("{empty}",), "has no images"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_one_line(run, folder, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    places = {"folder": folder, "empty": tmp_path / "empty"}
    done = run("review", *(each.format(**places) for each in arguments))
    assert done.returncode == 1 and message in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1


def test_copies_among_the_images_and_jobs_are_refused(run, folder):
    inside = run("predict", f"--save_unsure={folder}/unsure", folder)
    assert inside.returncode == 1 and "would be classified" in inside.stderr
    job = run("predict", "--save_unsure=x", "--runner=DirectRunner", "--output=y", folder)
    assert job.returncode == 1 and "--save_unsure changes nothing with --runner" in job.stderr
