"""`trash-keras demo` from the command line."""

import contextlib
import hashlib
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from trash_keras.metadata import ModelMetadata
from trash_keras.serving import network, web_demo

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path):
    """One where npm is a stand-in that fetches nothing."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    files = " ".join(f"node_modules/{name}" for name in web_demo.RUNTIME.values())
    program.write_text(f"#!/bin/sh\nmkdir -p $(dirname {files})\ntouch {files}\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"weights")
    ModelMetadata(("blue", "red"), 16, "crop").embed(file)
    return file


@contextlib.contextmanager
def started(environment, *arguments):
    """Starts the verb on any free port and interrupts it in the end; gives the process."""
    command = [sys.executable, "-m", "trash_keras", "demo", "--port=0", *arguments]
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
        yield process
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_it_serves_until_it_is_interrupted(model, environment):
    with started(environment, f"--model={model}") as process:
        line = process.stdout.readline()
        address = re.search(r"http://\S+/", line)[0]
        with urllib.request.urlopen(f"{address}model.tflite", timeout=30) as response:
            assert response.read() == model.read_bytes()
    assert line.startswith(f"Serving {model} at http://127.0.0.1:")


def test_to_the_network_it_tells_its_address_and_the_certificate(model, environment):
    if not network.lan_address("0.0.0.0"):
        pytest.skip("needs a network interface beside loopback")
    arguments = f"--model={model}", "--host=0.0.0.0", "--https"
    with started(environment, *arguments) as process:
        serving, others, certificate = (process.stdout.readline() for _ in range(3))
        port = re.search(r"https://127\.0\.0\.1:(\d+)/", serving)[1]
        pem = ssl.get_server_certificate(("127.0.0.1", int(port)))
    lan = network.lan_address("0.0.0.0")
    assert others == f"Other devices in this network: https://{lan}:{port}/\n"
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()
    assert certificate.endswith(f"Its SHA-256: {digest}\n")


def test_it_writes_a_folder(script, model, environment, tmp_path):
    arguments = f"--model={model}", f"--export={tmp_path / 'site'}"
    done = script("demo", *arguments, env=environment | {web_demo.REPOSITORY: ""})
    assert (done.returncode, done.stderr) == (0, "")
    wrote, linked = done.stdout.splitlines()
    assert re.fullmatch(rf"Wrote {tmp_path}/site: \d\d files, \d\.\d MB", wrote)
    assert linked == "It links to no project: TRASH_KERAS_REPOSITORY=https://... names one"
    (tmp_path / "site" / "mine.txt").touch()
    done = script("demo", *arguments, env=environment)
    assert done.returncode == 1 and "mine.txt" in done.stderr and done.stderr.count("\n") == 1


def test_flags_of_the_server_change_nothing_in_a_folder(script, environment, tmp_path):
    done = script("demo", f"--export={tmp_path}", "--https", "--port=1", env=environment)
    assert done.returncode == 1
    assert done.stderr == "error: --port, --https changes nothing with --export. Leave it out.\n"


def test_a_user_error_is_one_line(script, environment):
    done = script("demo", "--model=nowhere.tflite", env=environment)
    assert (done.returncode, done.stderr) == (1, "error: There is no model at nowhere.tflite.\n")
