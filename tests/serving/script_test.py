"""The real command, over real connections, with the requests of docs/serving.md."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from trash_keras.predictor import Predictor

pytestmark = [pytest.mark.slow, pytest.mark.long]
ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "serving.md").read_text().split("\n## The HTTP service\n")[1]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.M | re.S)
ADDRESS = "http://127.0.0.1:8000"  # in the examples


class Served:
    """`trash-keras serve` as a process."""

    def __init__(self, model, *flags):
        command = [sys.executable, "-m", "trash_keras", "serve", f"--model={model}", "--port=0"]
        self.process = subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        line = self.process.stdout.readline()
        assert line.endswith("/v1/classify\n"), self.process.stderr.read()
        self.url = line.split(" at ")[1].removesuffix("/v1/classify\n")

    def post(self, files):
        return httpx.post(f"{self.url}/v1/classify", files=files, timeout=60)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A TFLite file, and images by path."""
    from trash_keras.exporters.exporter import export

    workdir, data, _ = trained
    copy = tmp_path_factory.mktemp("serve") / "run"
    shutil.copytree(workdir, copy)
    export(copy, ["float32"])
    return copy / "export" / "model_float32.tflite", sorted(data.rglob("*.png"))


@pytest.fixture(scope="module")
def service(exported):
    served = Served(exported[0], "--max_upload_megabytes=3", "--max_requests=64")
    yield served
    served.process.kill()
    served.process.communicate()


def test_many_uploads_at_once_get_the_predictions_of_predict(service, exported):
    model, paths = exported
    expected = Predictor.load(model).predict_stream([str(path) for path in paths])

    def post(path):
        return service.post([("files", (str(path), path.read_bytes()))])

    with ThreadPoolExecutor(12) as clients:
        responses = list(clients.map(post, paths))
    assert {response.status_code for response in responses} == {200}
    for response, prediction in zip(responses, expected, strict=True):
        assert response.json()["predictions"] == [prediction.to_dict()]
    counts = httpx.get(f"{service.url}/metrics").text
    assert f'trash_keras_requests_total{{status="200"}} {len(paths)}.0' in counts
    batches = float(re.search(r"batch_images_count (\S+)", counts)[1])
    assert 1 < batches <= len(paths) + 1
    assert httpx.get(f"{service.url}/healthz").json() == {"live": True, "ready": True}
    assert httpx.get(f"{service.url}/v1/model").json()["class_names"] == ["blue", "green", "red"]


def test_bad_uploads_get_a_response_that_refuses_them(service, exported):
    good = exported[1][0].read_bytes()
    for files, status in (
        ([("files", ("a.jpg", b"text"))], 415),
        ([("files", ("a.png", good[:300]))], 422),
        ([("photo", ("a.png", good))], 400),
        ([("files", ("a.png", good))] * 17, 413),
        ([("files", ("a.png", b"x" * 9_000_000))], 413),  # all of it is on its way before that
    ):
        refused = service.post(files)
        assert refused.status_code == status and refused.json().keys() == {"error"}
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nbroken")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"\x00\xff\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert service.post([("files", ("a.png", good))]).status_code == 200


def test_the_documented_requests_have_the_documented_responses(service, exported, tmp_path):
    for path, name in zip(exported[1], ("photo.jpg", "bottle.png"), strict=False):
        Image.open(path).save(tmp_path / name)
    shells = [text for language, text in BLOCKS if ADDRESS in text and language == "bash"]
    assert len(shells) == 2
    for shell, names in zip(shells, (["photo.jpg", "bottle.png"], ["body"]), strict=True):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", shell.replace(ADDRESS, service.url)],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        predictions = json.loads(done.stdout)["predictions"]
        assert [prediction["file"] for prediction in predictions] == names
        (shown,) = (json.loads(text) for language, text in BLOCKS if language == "json")
        assert all(
            prediction.keys() == shown["predictions"][0].keys() for prediction in predictions
        )


def test_the_load_test_prints_a_row_for_each_number_of_clients(service, exported, script):
    done = script(
        "tools.load_test", f"--urls={service.url}", "--clients=1,4", "--requests=12", "--rounds=2",
        exported[1][0],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head[0] == "service" and [row[:2] for row in rows] == [
        [service.url, "1"], [service.url, "4"]
    ]  # fmt: skip
    assert rows[0][-2:] == ["1.00", "none"] and all(float(row[2]) > 0 for row in rows)
    refused = script("tools.load_test", "--urls=http://192.0.2.1", exported[1][0])
    assert refused.returncode == 1 and "stays on this machine" in refused.stderr


def test_sigterm_lets_what_is_under_way_end(exported):
    served = Served(exported[0])
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
    Image.fromarray(noise).save(large := exported[0].parent / "large.jpg", quality=50)
    content = large.read_bytes()  # takes some tenths of a second to decode
    responses = []
    callers = [
        threading.Thread(
            target=lambda: responses.append(served.post([("files", ("a.jpg", content))]))
        )
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    until = time.monotonic() + 30
    while "under_way 4.0" not in httpx.get(f"{served.url}/metrics").text:
        assert time.monotonic() < until
    status, said = served.stop()
    for caller in callers:
        caller.join(60)
    assert [response.status_code for response in responses] == [200] * 4
    assert status == 0 and "Traceback" not in said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/healthz")


def test_user_errors_end_in_one_line(service, exported, script, tmp_path):
    port = service.url.rsplit(":")[-1]
    for flags, reason in (
        ([f"--model={exported[0]}", f"--port={port}"], "Address already in use"),
        ([f"--model={tmp_path / 'gone.tflite'}", "--port=0"], "There is no model at"),
    ):
        done = script("serve", *flags)
        assert done.returncode == 1 and reason in done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_the_log_has_nothing_to_say_of_all_this(service):
    status, said = service.stop()
    assert status == 0
    assert not [line for line in said.splitlines() if "XNNPACK" not in line]
