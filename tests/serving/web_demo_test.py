"""What the server gives out, and what it keeps."""

import http.client
import json
import socket
import sys
import threading
import urllib.request

import pytest

from trash_keras.metadata import ModelMetadata
from trash_keras.serving import network, pages, web_demo
from trash_keras.serving.web_demo import PAGE, Server, Site


@pytest.fixture
def site(tmp_path):
    model = tmp_path / "a model.tflite"
    model.write_bytes(b"weights")
    ModelMetadata(("blue", "red"), 16, "crop").embed(model)
    node_modules = tmp_path / "cache" / "node_modules"
    for name in web_demo.RUNTIME.values():
        (node_modules / name).parent.mkdir(parents=True, exist_ok=True)
        (node_modules / name).write_bytes(b"of npm")
    (tmp_path / "cache" / "secret.js").write_text("not below node_modules")
    return Site(model, node_modules)


@pytest.fixture
def ask(site):
    with Server(site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def request(path, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
            connection.request(method, path)
            response = connection.getresponse()
            found = response.status, dict(response.headers), response.read()
            connection.close()
            return found

        yield request
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?v=1", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/icons/192.png", "image/png"),
        ("/examples/glass.jpg", "image/jpeg"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/site.json", "application/json"),
        ("/runtime/litert_wasm_compat_internal.wasm", "application/wasm"),
        ("/model.tflite", "application/octet-stream"),
    ],
)
def test_each_file_has_its_type_and_the_policy(ask, path, kind):
    status, headers, content = ask(path)
    assert status == 200 and len(content) == int(headers["Content-Length"]) > 0
    assert headers["Content-Type"] == kind
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and policy.endswith("frame-ancestors 'none'")
    assert policy.removesuffix("; frame-ancestors 'none'") in (PAGE / "index.html").read_text()


def facts(ask):
    return json.loads(ask("/site.json")[2])


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("https://example.org/me/it", "https://example.org/me/it"),
        ("https://me:secret@example.org/it?key=secret", "https://example.org/it"),
        ("javascript:alert(1)", None),
        ("git@example.org:me/it.git", None),
        ("", None),
    ],
)
def test_the_page_links_to_the_project_of_the_variable(ask, monkeypatch, variable, expected):
    monkeypatch.setenv(web_demo.REPOSITORY, variable)
    assert facts(ask)["project"] == expected


def test_the_page_is_told_its_address_in_the_network(site, monkeypatch):
    monkeypatch.setattr(network, "lan_address", lambda host: "192.0.2.7")
    with Server(site, "0.0.0.0") as server:
        address = f"http://192.0.2.7:{server.server_port}/"
        assert server.address == f"http://127.0.0.1:{server.server_port}/"
        assert server.facts == {"lan": address, "qr": "qr.svg", "hint": None}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path in ("site.json", "qr.svg"):
            with urllib.request.urlopen(f"{server.address}{path}", timeout=30) as response:
                content = response.read().decode()
            assert (address if path == "site.json" else "<svg") in content
        server.shutdown()


def test_without_the_package_the_page_says_what_a_qr_code_needs(site, monkeypatch):
    monkeypatch.setattr(network, "lan_address", lambda host: "192.0.2.7")
    monkeypatch.setitem(sys.modules, "segno", None)
    with Server(site, "0.0.0.0") as server:
        assert server.qr_code is server.facts["qr"] is None
        assert "pip install '.[demo]'" in server.facts["hint"]


def test_the_model_comes_with_its_name(ask, site):
    _, headers, content = ask("/model.tflite")
    assert content == site.model.read_bytes()
    assert facts(ask)["model"] == "a model.tflite"
    status, same, nothing = ask("/model.tflite", "HEAD")
    assert (status, nothing) == (200, b"")
    assert same == headers | {"Date": same["Date"]}


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.js", "/package.json", "/runtime/", "/runtime/@litertjs/core/dist/index.js",
        "/node_modules/@litertjs/core/dist/index.js", "/examples/", "/qr.svg", "/../README.md",
        "/%2e%2e/demo/server.py", "/..%2f..%2fsetup.cfg", "//etc/passwd",
        "/runtime/../secret.js", "/runtime/%2e%2e/secret.js", "/%00.js",
    ],
)  # fmt: skip
def test_nothing_else_is_given_out(ask, path):
    status, headers, content = ask(path)
    assert status == 404
    assert b"secret" not in content and "Content-Security-Policy" in headers


def test_nothing_can_be_sent_to_it(ask):
    assert ask("/", "POST")[0] == 501


def test_the_metadata_is_read_before_anything_is_fetched(tmp_path, site, monkeypatch):
    monkeypatch.setattr(web_demo, "fetch_npm_files", lambda page: tmp_path)
    assert Site.of(site.model) == Site(site.model, tmp_path)
    other = site.model.rename(tmp_path / "model.keras")
    monkeypatch.delattr(web_demo, "fetch_npm_files")
    with pytest.raises(ValueError, match=r"runs \.tflite files.*Received: .*model\.keras"):
        Site.of(other)
    with pytest.raises(ValueError, match="There is no model at nowhere"):
        Site.of("nowhere.tflite")


def test_a_port_that_is_taken_is_named(site):
    with (
        Server(site) as server,
        pytest.raises(OSError, match=rf"listen at .*:{server.server_port}"),
    ):
        Server(site, port=server.server_port)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1", 200), ("192.168.1.5:8000", 200), ("[::1]:8000", 200),
     ("attacker.example", 421), ("attacker.example:8000", 421), ("localhost.attacker.example", 421),
     ("127.0.0.1.attacker.example", 421), ("[broken", 421)],
)  # fmt: skip
def test_only_its_own_names_are_served(site, host, status):
    """A page of another site can have its own name point here (DNS rebinding)."""
    with Server(site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request("GET", "/model.tflite", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()
        server.shutdown()


def test_many_connections_do_not_make_as_many_threads(site, monkeypatch):
    monkeypatch.setattr(pages, "MOST_CONNECTIONS", 5)
    with Server(site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        before = threading.active_count()
        idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(40)]
        assert [client.recv(1) for client in idle[5:]] == [b""] * 35
        assert threading.active_count() <= before + 5
        for client in idle:
            client.close()
        server.shutdown()
