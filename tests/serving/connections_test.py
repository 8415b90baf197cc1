"""Slow clients: those that never finish a request keep nobody else out."""

import http.client
import socket
import threading
import time

import pytest
import uvicorn

from trash_keras.serving import connections, service


@pytest.fixture
def port(app, monkeypatch):
    """The service on a real port, with limits of a test."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1.0)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    listening = service.listen("127.0.0.1", 0)
    server = uvicorn.Server(service.configure(app, patience=5))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def ask(port, connection=None):
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    response.read()
    return response.status


def is_closed(client, seconds):
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("start", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_header_that_never_ends_is_cut_off(port, start):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(start)
        assert not is_closed(client, 0.3)
        assert is_closed(client, 20)


def test_a_client_that_asks_now_and_then_stays(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(8):
        assert ask(port, connection) == 200
        time.sleep(0.4)


def test_idle_connections_make_room_for_a_request(port):
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        assert ask(port) == 200
        assert sum(is_closed(client, 0.05) for client in idle) >= 40
    finally:
        for client in idle:
            client.close()
