"""What the server of a review gives to whom."""

import http.client
import io
import json

import pytest
from PIL import Image

ACTIONS = ("/answer", "/skip", "/again", "/undo")


@pytest.fixture
def review(start):
    return start()


@pytest.fixture
def ask(review, serve):
    server = serve(review)

    def request(path, values=None, method=None, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        if values is not None:
            body = json.dumps(values)
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.headers["Content-Type"] == "application/json":
            content = json.loads(content)
        return response.status, response.headers, content

    return request


@pytest.fixture
def token(ask):
    return {"X-Review-Token": ask("/state")[2]["token"]}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/review.js", "text/javascript"), ("/review.css", "text/css"),
     ("/style.css", "text/css"), ("/icon.svg", "image/svg+xml")],
)  # fmt: skip
def test_each_file_of_the_page_has_its_type_and_the_policy(ask, path, kind):
    status, headers, content = ask(path)
    assert status == 200 and content and headers["Content-Type"].startswith(kind)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert policy.endswith("frame-ancestors 'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/unsure.json", "/images/../notes.txt", "/images/", "/main.js",
             "/images/violet.png", "//etc/passwd", "/named/red"],
)  # fmt: skip
def test_nothing_else_is_given_out(ask, path):
    status, headers, content = ask(path)
    assert status == 404 and set(content) == {"error"}
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_images_come_as_upright_jpegs_of_a_screens_size(ask, review, folder):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (3000, 1500), "white").save(folder / "large.jpg", exif=turned)
    name = ask("/state")[2]["images"][0]["id"]
    path = review.image(name).path
    path.write_bytes((folder / "large.jpg").read_bytes())
    status, headers, content = ask(f"/images/{name}")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(content)).size == (640, 1280)


def test_an_image_that_is_gone_is_passed_over(ask, review):
    name = ask("/state")[2]["images"][0]["id"]
    review.image(name).path.unlink()
    status, _, content = ask(f"/images/{name}")
    assert status == 410 and content["error"].endswith(
        "No such file or directory. It is passed over."
    )
    assert name not in [each["id"] for each in ask("/state")[2]["images"]]
    assert ask(f"/images/{name}")[0] == 404


def test_answers_are_saved(ask, token, folder):
    name = ask("/state")[2]["images"][0]["id"]
    status, _, state = ask("/answer", {"image": name, "class": "wood"}, **token)
    assert (status, state["named"]) == (200, 1)
    assert len(list((folder / "named" / "wood").iterdir())) == 1
    assert ask("/answer", {"image": name, "class": "wood"}, **token)[0] == 409
    assert ask("/undo", {}, **token)[2]["named"] == 0
    assert ask("/skip", {"image": name}, **token)[2]["skipped"] == 1
    assert ask("/again", {}, **token)[2]["skipped"] == 0


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_other_names_of_this_machine_are_refused(ask, token, host):
    """As after DNS rebinding, where a page of another site asks under its own name."""
    for path in ("/", "/state"):
        assert ask(path, Host=host)[0] == 421
    assert ask("/undo", {}, Host=host, **token)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:1"])
def test_loopback_names_are_taken_at_any_port(ask, host):
    """As through a tunnel."""
    assert ask("/state", Host=host)[0] == 200


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Review-Token": "wrong"}, {"X-Review-Token": "\xff"},
     {"Origin": "http://evil.example"}, {"Origin": "null"}],
)  # fmt: skip
def test_pages_of_other_origins_change_nothing(ask, token, folder, path, headers):
    if "Origin" in headers:
        headers = headers | token
    name = ask("/state")[2]["images"][0]["id"]
    assert ask(path, {"image": name, "class": "red"}, **headers)[0] == 403
    assert not (folder / "named").exists()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/answer", "nonsense", 400), ("/answer", "[]", 400), ("/answer", '"a"', 400),
        ("/answer", "{}", 409), ("/answer", '{"image": "x", "class": 3}', 404),
        ("/answer", '{"image": ["x"], "class": null}', 409), ("/nothing", "{}", 404),
        ("/answer", "x" * 10_001, 413), ("/undo", "{}", 409),
    ],
)  # fmt: skip
def test_broken_requests_get_a_line(ask, token, path, body, status):
    found, _, content = ask(path, body=body, **token)
    assert found == status and set(content) == {"error"} and "\n" not in content["error"]


def test_a_bad_class_name_gets_a_line(ask, token):
    name = ask("/state")[2]["images"][0]["id"]
    status, _, content = ask("/answer", {"image": name, "class": "../up"}, **token)
    assert status == 409 and "A class name must be visible text" in content["error"]
