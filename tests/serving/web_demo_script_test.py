"""`trash-keras demo` from the command line."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from trash_keras.metadata import ModelMetadata

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path):
    """One where npm is a stand-in that fetches nothing."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nmkdir node_modules\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_it_serves_until_it_is_interrupted(tmp_path, environment):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"weights")
    ModelMetadata(("blue", "red"), 16, "crop").embed(model)
    command = [sys.executable, "-m", "trash_keras", "demo", f"--model={model}", "--port=0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process that was started in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        line = process.stdout.readline()
        address = re.search(r"http://\S+/", line)[0]
        with urllib.request.urlopen(f"{address}model.tflite", timeout=30) as response:
            assert response.read() == model.read_bytes()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert line.startswith(f"Serving {model} at http://127.0.0.1:")


def test_a_user_error_is_one_line(script, environment):
    done = script("demo", "--model=nowhere.tflite", env=environment)
    assert (done.returncode, done.stderr) == (1, "error: There is no model at nowhere.tflite.\n")
