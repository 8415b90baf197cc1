"""The address in the local network, its QR code, and https."""

import http.client
import socket
import ssl
import sys
import threading

import pytest

from tests.serving.web_demo_test import site  # noqa: F401 a fixture
from trash_keras.serving import network, pages, tls
from trash_keras.serving.web_demo import Server


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", None), ("127.3.2.1", None), ("::1", None), ("LocalHost", None),
     ("192.168.1.5", "192.168.1.5"), ("box.example", "box.example")],
)  # fmt: skip
def test_only_a_host_beyond_loopback_has_an_address_for_others(host, expected):
    assert network.lan_address(host) == expected


def test_all_addresses_are_told_by_the_one_that_leads_out(monkeypatch):
    asked = []

    class Probe(socket.socket):
        def connect(self, address):
            asked.append((self.type, address))

        def getsockname(self):
            return ("192.168.1.5", 4321)

    monkeypatch.setattr(socket, "socket", Probe)
    assert network.lan_address("0.0.0.0") == "192.168.1.5"
    assert asked == [(socket.SOCK_DGRAM, ("192.0.2.1", 9))]  # which sends nothing


def test_without_a_network_there_is_none(monkeypatch):
    def unreachable(self, address):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", type("Probe", (socket.socket,), {"connect": unreachable}))
    assert network.lan_address("0.0.0.0") is None


def test_a_qr_code_holds_the_address():
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV to read the code")
    import numpy as np

    address = "https://192.168.1.5:8000/"
    rows = network.qr_code(address, "terminal").splitlines()
    # Each character is two squares, one above the other.
    halves = {" ": (0, 0), "█": (255, 255), "▀": (255, 0), "▄": (0, 255)}
    cells = [[halves[letter][half] for letter in row] for row in rows for half in (0, 1)]
    image = np.kron(np.array(cells, np.uint8), np.ones((8, 8), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(image)[0] == address


def test_https_is_for_the_names_of_the_server(site):  # noqa: F811 the fixture
    names = pages.host_names("0.0.0.0") | {"127.0.0.1", "192.0.2.7", "ümlaut"}
    context, fingerprint = tls.self_signed(names)
    with Server(site, tls=context) as server:
        assert server.address == f"https://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pem = ssl.get_server_certificate(("127.0.0.1", server.server_port))
        trusting = ssl.create_default_context(cadata=pem)
        for name in ("127.0.0.1", "192.0.2.7", "localhost", socket.gethostname()):
            status, found = ask(server.server_port, trusting, name)
            assert status == 200 and found == fingerprint
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(server.server_port, trusting, "other.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(server.server_port, ssl.create_default_context(), "localhost")
        assert ask(server.server_port, trusting, "localhost", "attacker.example")[0] == 421
        server.shutdown()


def ask(port, context, name, host=None):
    """Asks for the page by a name; returns the status and the certificate's SHA-256."""
    import hashlib

    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        digest = hashlib.sha256(connection.getpeercert(binary_form=True)).digest()
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host or name}\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, digest.hex(":").upper()


def test_who_never_shakes_hands_keeps_nobody_waiting(site, capfd):  # noqa: F811 the fixture
    context, _ = tls.self_signed({"localhost"})
    with Server(site, tls=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        silent = socket.create_connection(("127.0.0.1", server.server_port))
        plain = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.request("GET", "/")
            plain.getresponse()
        pem = ssl.get_server_certificate(("127.0.0.1", server.server_port), timeout=30)
        assert (
            ask(server.server_port, ssl.create_default_context(cadata=pem), "localhost")[0] == 200
        )
        silent.close()
        server.shutdown()
    assert capfd.readouterr().err == ""


def test_no_key_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    tls.self_signed({"localhost"})
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_https_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(ImportError, match=r"--https needs .* pip install '\.\[demo\]'"):
        tls.self_signed({"localhost"})
