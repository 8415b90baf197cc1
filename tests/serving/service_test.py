import asyncio
import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.support import odd_files
from trash_keras.serving import service


def counts(client):
    """Metrics by name and labels, without the prefix of all."""
    found = re.findall(r"^trash_keras_(\S+) (\S+)$", client.get("/metrics").text, re.M)
    return {name: float(value) for name, value in found}


def test_one_image_as_the_body_and_several_as_a_form(client, image, form):
    alone = client.post("/v1/classify", content=image("red"), headers={"Content-Type": "image/png"})
    assert alone.status_code == 200
    assert alone.json() == {
        "predictions": [
            {
                "file": "body", "label": "red", "probability": 1.0,
                "candidates": [{"label": "red", "probability": 1.0}],
                "probabilities": {"blue": 0.0, "green": 0.0, "red": 1.0},
            }
        ]
    }  # fmt: skip
    several = form(one=image("blue", "JPEG"), two=image("grey", "BMP"), three=image("green"))
    predictions = client.post("/v1/classify", files=several).json()["predictions"]
    assert [prediction["file"] for prediction in predictions] == ["one", "two", "three"]
    assert [prediction["label"] for prediction in predictions] == ["blue", "unsure", "green"]


def test_predictions_have_the_keys_of_predict(client, predictor, image, form, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(image("grey"))
    (expected,) = predictor.predict_stream([str(path)])
    (prediction,) = client.post(
        "/v1/classify", files=form(**{str(path): path.read_bytes()})
    ).json()["predictions"]
    assert prediction == expected.to_dict()


def test_equal_names_are_images_of_their_own(client, image):
    files = [("files", ("a.png", image(name))) for name in ("red", "blue")]
    predictions = client.post("/v1/classify", files=files).json()["predictions"]
    assert [(prediction["file"], prediction["label"]) for prediction in predictions] == [
        ("a.png", "red"), ("a.png", "blue")
    ]  # fmt: skip


def test_a_bad_image_among_good_ones_gets_its_error(client, image, form):
    files = form(text=b"text", red=image("red"))
    response = client.post("/v1/classify", files=files)
    assert response.status_code == 200
    bad, good = response.json()["predictions"]
    assert bad.keys() == {"file", "error"} and bad["error"].startswith("not a JPEG")
    assert good["label"] == "red"


def test_bad_images_alone_are_refused_and_named(client, image, form):
    for content, status, reason in (
        (b"text", 415, "not a JPEG"),
        (b"", 415, "empty file"),
        (image("red", "JPEG")[:400], 422, "truncated JPEG"),
        (image("red", side=101), 413, "over the limit of 0.01 megapixels"),
    ):
        response = client.post("/v1/classify", files=form(name=content))
        assert response.status_code == status
        assert response.json()["error"].startswith("name: ") and reason in response.json()["error"]
    both = client.post("/v1/classify", files=form(one=b"text", two=b"{}"))
    assert both.status_code == 415
    assert both.json()["error"].count("not a JPEG") == 2 and "two: " in both.json()["error"]


@pytest.mark.parametrize("file", odd_files.corpus(), ids=lambda file: file.name)
def test_no_file_is_a_defect_of_the_service(client, file, form):
    if len(file.encoded) > 90_000:
        pytest.skip("larger than the limit of these tests")
    response = client.post("/v1/classify", files=form(**{file.name: file.encoded}))
    if response.status_code == 200:
        assert response.json()["predictions"][0]["label"] in ("blue", "green", "red", "unsure")
        assert file.colours
    else:
        assert response.status_code in (413, 415, 422)
        message = response.json()["error"]
        assert "\n" not in message and (file.reason in message or "over the limit" in message)


def test_a_busy_service_says_so_and_recovers(client, model, image, limits):
    """Both places are taken while the model works; a third request is refused."""
    model.before = threading.Event()
    working, go_on = threading.Event(), model.before

    def wait():
        working.set()
        assert go_on.wait(10)

    model.before = wait
    body = {"content": image("red"), "headers": {"Content-Type": "image/png"}}
    responses = []
    callers = [
        threading.Thread(target=lambda: responses.append(client.post("/v1/classify", **body)))
        for _ in range(limits.requests)
    ]
    for caller in callers:
        caller.start()
    assert working.wait(10)
    while counts(client)["requests_under_way"] < limits.requests:
        pass
    assert client.get("/healthz").status_code == 503
    assert client.get("/healthz").json() == {"live": True, "ready": False}
    refused = client.post("/v1/classify", **body)
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"
    assert refused.json()["error"].startswith("Too many requests at once")
    go_on.set()
    for caller in callers:
        caller.join(10)
    assert [response.status_code for response in responses] == [200] * limits.requests
    assert client.get("/healthz").json() == {"live": True, "ready": True}
    assert client.post("/v1/classify", **body).status_code == 200


def test_a_prediction_that_takes_too_long_is_given_up(predictor, model, limits, image):
    hurried = dataclasses.replace(limits, seconds=0.1)
    with TestClient(service.build(predictor, "model", hurried)) as client:
        go_on = threading.Event()
        model.before = lambda: go_on.wait(10)
        headers = {"Content-Type": "image/png"}
        late = client.post("/v1/classify", content=image("red"), headers=headers)
        assert late.status_code == 503 and late.headers["Retry-After"] == "1"
        assert late.json()["error"].startswith("No prediction within 0.1 seconds")
        go_on.set()
        model.before = lambda: None
        assert client.post("/v1/classify", content=image("red"), headers=headers).is_success


def test_a_failing_model_is_an_error_and_does_not_stop_the_service(client, model, image, form):
    def fail():
        raise RuntimeError("secret")

    model.before = fail
    response = client.post("/v1/classify", files=form(red=image("red")))
    assert response.status_code == 500 and "secret" not in response.text
    assert response.json()["error"].startswith("A defect of the service")
    model.before = lambda: None
    assert client.post("/v1/classify", files=form(red=image("red"))).status_code == 200


def test_metrics_count_what_happened(client, model, image, form):
    before = counts(client)
    assert before["batch_images_count"] == 1  # the grey one at the start
    files = form(one=image("red"), two=image("grey"), three=b"text")
    assert client.post("/v1/classify", files=files).status_code == 200
    assert client.post("/v1/classify", files=form(three=b"text")).status_code == 415
    found = counts(client)
    assert found['requests_total{status="200"}'] == found['requests_total{status="415"}'] == 1
    assert found['images_total{label="red"}'] == found['images_total{label="unsure"}'] == 1
    assert found["request_seconds_count"] == 2 and found["request_seconds_sum"] > 0
    assert found["batch_images_sum"] == sum(model.batches) == 3
    assert found["requests_under_way"] == 0
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=")


def test_the_metadata_and_the_description_can_be_read(client):
    assert client.get("/v1/model").json() == {
        "model": "model.tflite", "class_names": ["blue", "green", "red"], "image_size": 8,
        "resize": "stretch", "temperature": 1.0, "threshold": 0.5, "set_threshold": None, "tta": 1,
    }  # fmt: skip
    described = client.get("/openapi.json").json()["paths"]
    assert described.keys() == {"/v1/classify", "/v1/model", "/healthz", "/metrics"}
    form = described["/v1/classify"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["properties"].keys() == {"files"}


def test_other_requests_are_refused_in_the_same_form(client):
    for response, status in (
        (client.get("/nothing"), 404),
        (client.get("/v1/classify"), 405),
        (client.get("/docs"), 404),
    ):
        assert response.status_code == status and response.json().keys() == {"error"}


def test_pages_of_other_sites_may_not_read_predictions(client, image, form):
    headers = {"Origin": "http://example.org"}
    response = client.post("/v1/classify", files=form(red=image("red")), headers=headers)
    assert "access-control-allow-origin" not in response.headers
    asked = headers | {"Access-Control-Request-Method": "POST"}
    assert client.options("/v1/classify", headers=asked).status_code == 405


ORIGIN = "https://app.example.org"


@pytest.mark.parametrize(
    ("allowed", "origin", "answer"),
    [
        ([ORIGIN], ORIGIN, ORIGIN),
        (["http://localhost:3000", ORIGIN], ORIGIN, ORIGIN),
        (["https://App.Example.org"], ORIGIN, ORIGIN),
        ([ORIGIN], "https://other.example.org", None),
        ([ORIGIN], ORIGIN + ":8443", None),
        (["*"], "https://anything.example", "*"),
    ],
)
def test_pages_of_listed_origins_may_read_predictions(
    allowed, origin, answer, predictor, limits, image, form
):
    service.check_origins(allowed)
    with TestClient(service.build(predictor, "model", limits, allowed)) as client:
        headers = {"Origin": origin}
        for files, status in ((form(red=image("red")), 200), (form(text=b"text"), 415)):
            response = client.post("/v1/classify", files=files, headers=headers)
            assert response.status_code == status
            assert response.headers.get("access-control-allow-origin") == answer
        asked = headers | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        allowed_too = client.options("/v1/classify", headers=asked)
        assert allowed_too.is_success == (answer is not None)


@pytest.mark.parametrize(
    "origin", ["example.org", "https://example.org/", "https://example.org/app", "null", ""]
)
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(ValueError, match="--cors_origins takes origins"):
        service.check_origins([origin])


def test_it_serves_where_an_event_loop_runs_already(app):
    """As in a notebook: until it is interrupted, and the host keeps its handlers."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    listening = service.listen("127.0.0.1", 0)
    address = "http://{}:{}/healthz".format(*listening.getsockname())
    statuses = []

    def ask():
        statuses.append(httpx.get(address, timeout=30).status_code)
        os.kill(os.getpid(), signal.SIGINT)

    async def host():
        threading.Thread(target=ask).start()
        service.serve(app, listening, 1)

    with pytest.raises(SystemExit) as end:
        asyncio.run(host())
    assert (end.value.code, statuses) == (0, [200])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_service_needs_no_tensorflow():
    code = (
        "import sys, trash_keras.serving.service, tools.load_test; "
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
