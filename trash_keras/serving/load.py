"""Many requests at once, to see what a service on this machine bears."""

import collections
import dataclasses
import http.client
import ipaddress
import itertools
import socket
import time
import urllib.parse
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np


@dataclasses.dataclass(frozen=True)
class Load:
    """What came of some requests.

    Attributes:
        milliseconds: Of each request that was answered, from sending it to the end of its answer.
        failures: HTTP status, or `broken` for none, -> number of requests.
        seconds: From the first request to the last answer.
    """

    milliseconds: list[float]
    failures: collections.Counter[str]
    seconds: float

    @classmethod
    def merged(cls, parts: Iterable["Load"]) -> "Load":
        """Puts together what was measured one after the other."""
        parts = list(parts)
        return cls(
            [time for part in parts for time in part.milliseconds],
            sum((part.failures for part in parts), collections.Counter()),
            sum(part.seconds for part in parts),
        )

    def per_second(self) -> float:
        """Returns answers a second."""
        return len(self.milliseconds) / self.seconds

    def percentiles(self) -> tuple[float, float, float]:
        """Returns p50, p95 and p99 of the milliseconds; NaN without an answer."""
        if not self.milliseconds:
            return (float("nan"),) * 3
        return tuple(np.percentile(self.milliseconds, (50, 95, 99)).tolist())


def measure(
    url: str, pictures: Sequence[bytes], at_once: int, requests: int, seconds: float
) -> Load:
    """Sends pictures to `/v1/classify`, one a request, over connections that stay open.

    Clients and service share the machine, so the figures are for comparing, not for promising.

    Args:
        url: Of a service on this machine, `http://127.0.0.1:8000` for one.
        pictures: Files to send in turn.
        at_once: Clients, each of which waits for its answer before it asks again.
        requests: Most requests of all clients together.
        seconds: No request is sent later than that.

    Raises:
        ValueError: The URL leads to another machine, where a load test may be an attack.
    """
    host, port = _loopback(url)
    numbers = itertools.count()
    milliseconds: list[float] = []
    failures: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()

    def client(_: int) -> None:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        while (number := next(numbers)) < requests and time.perf_counter() < started + seconds:
            sent = time.perf_counter()
            status = _post(connection, pictures[number % len(pictures)])
            if status == "200":
                milliseconds.append((time.perf_counter() - sent) * 1000)
            else:
                failures[status] += 1
        connection.close()

    with ThreadPoolExecutor(at_once) as clients:
        list(clients.map(client, range(at_once)))
    return Load(milliseconds, failures, time.perf_counter() - started)


def _post(connection: http.client.HTTPConnection, picture: bytes) -> str:
    try:
        connection.request(
            "POST", "/v1/classify", picture, {"Content-Type": "application/octet-stream"}
        )
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request opens it anew
        return "broken"


def _loopback(url: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"A URL must be like http://127.0.0.1:8000. Received: {url}")
    address = socket.getaddrinfo(parts.hostname, parts.port or 80)[0][4][0]
    if not ipaddress.ip_address(address).is_loopback:
        raise ValueError(f"A load test stays on this machine (loopback). Received: {url}")
    return str(address), parts.port or 80
