import collections

import pytest

from tests.support import http_server
from tools import load_test
from tools.load_test import Load


@pytest.fixture
def server():
    """Keeps the bodies of requests; responds to `x` with status 503, and hangs up at `y`."""

    class Handler(http_server.Handler):
        def reply(self):
            body = self.body()
            self.server.bodies.append(body)
            if body == b"y":
                self.close_connection = True
                return
            self.respond(503 if body == b"x" else 200, b"{}")

    with http_server.serving(Handler, bodies=[]) as found:
        yield found


def test_as_many_requests_as_asked_are_sent_and_failures_are_counted(server):
    found = load_test.measure(
        server.url, [b"a", b"b", b"x", b"y"], at_once=3, requests=22, seconds=30
    )
    assert collections.Counter(server.bodies) == {b"a": 6, b"b": 6, b"x": 5, b"y": 5}
    assert len(found.milliseconds) == 12 and found.failures == {"503": 5, "broken": 5}
    assert 0 < max(found.milliseconds) <= found.seconds * 1000


def test_time_ends_it_too(server):
    url = f"http://localhost:{server.server_port}"
    found = load_test.measure(url, [b"a"], at_once=2, requests=10**9, seconds=0.2)
    assert found.milliseconds and found.seconds < 5


def test_figures():
    parts = [Load([1.0] * 90, collections.Counter({"503": 1}), 4.0),
             Load([3.0] * 10, collections.Counter({"503": 2, "broken": 1}), 1.0)]  # fmt: skip
    both = Load.merged(parts)
    assert both.per_second() == 20 and both.percentiles() == (1, 3, 3)
    assert both.failures == {"503": 3, "broken": 1}
    assert str(Load([], collections.Counter(), 1.0).percentiles()) == "(nan, nan, nan)"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:8000", "http://0.0.0.0:8000", "https://127.0.0.1", "127.0.0.1:8000"]
)
def test_other_machines_are_left_alone(url):
    with pytest.raises(ValueError, match=r"Received: .*"):
        load_test.measure(url, [b"a"], 1, 1, 1)
