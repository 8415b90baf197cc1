"""Load test: measures a service on this machine under many requests at once.

python -m tools.load_test --urls=http://127.0.0.1:8000 --clients=1,8 IMAGE...
"""

import collections
import dataclasses
import http.client
import ipaddress
import itertools
import socket
import sys
import time
import urllib.parse
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from absl import flags

from trash_keras.cli import launch


@dataclasses.dataclass(frozen=True)
class Load:
    """The results of some requests.

    Attributes:
        milliseconds: Of each request with a prediction, from sending it to the end of the response.
        failures: HTTP status, or `broken` for none, -> number of requests.
        seconds: From the first request to the last response.
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
        """Returns predictions a second."""
        return len(self.milliseconds) / self.seconds

    def percentiles(self) -> tuple[float, float, float]:
        """Returns p50, p95 and p99 of the milliseconds; NaN without a prediction."""
        if not self.milliseconds:
            return (float("nan"),) * 3
        return tuple(np.percentile(self.milliseconds, (50, 95, 99)).tolist())


def measure(url: str, images: Sequence[bytes], at_once: int, requests: int, seconds: float) -> Load:
    """Sends images to `/v1/classify`, one a request, over connections that stay open.

    Clients and service share the machine, so the figures are for comparing, not for promising.

    Args:
        url: Of a service on this machine, `http://127.0.0.1:8000` for one.
        images: Files to send in turn.
        at_once: Clients, each of which waits for a response before its next request.
        requests: Most requests of all clients together.
        seconds: No request is sent later.

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
            status = _post(connection, images[number % len(images)])
            if status == "200":
                milliseconds.append((time.perf_counter() - sent) * 1000)
            else:
                failures[status] += 1
        connection.close()

    with ThreadPoolExecutor(at_once) as clients:
        list(clients.map(client, range(at_once)))
    return Load(milliseconds, failures, time.perf_counter() - started)


def _post(connection: http.client.HTTPConnection, image: bytes) -> str:
    try:
        connection.request(
            "POST", "/v1/classify", image, {"Content-Type": "application/octet-stream"}
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


URLS = flags.DEFINE_list("urls", ["http://127.0.0.1:8000"], "Services, on loopback only.")
CLIENTS = flags.DEFINE_list("clients", ["1", "8"], "Numbers of clients that send at once.")
ROUNDS = flags.DEFINE_integer("rounds", 3, "Times to repeat each measurement.", 1, 20)
REQUESTS = flags.DEFINE_integer("requests", 100, "Most requests of one measurement.", 1, 10000)
SECONDS = flags.DEFINE_float("seconds", 10.0, "Most seconds of one measurement.", 0.1, 60)


def main(paths: Sequence[str]) -> int:
    """Prints a row for each service and number of clients; status 1 when a request failed."""
    from trash_keras.data import decoding
    from trash_keras.data.image_files import iter_image_files

    images = [decoding.read_bytes(path) for path in iter_image_files(paths)]
    if not images:
        raise ValueError("Name at least one image or folder: tools.load_test ... PATH...")
    if not all(clients.isdecimal() and 0 < int(clients) <= 256 for clients in CLIENTS.value):
        raise ValueError(f"--clients takes numbers from 1 to 256. Received: {CLIENTS.value}")
    asked = [(url, int(clients)) for clients in CLIENTS.value for url in URLS.value]
    for url in URLS.value:
        measure(url, images, 1, 3, SECONDS.value)  # warm
    rounds = [
        [measure(url, images, at_once, REQUESTS.value, SECONDS.value)
         for url, at_once in asked]
        for _ in range(ROUNDS.value)
    ]  # fmt: skip
    found = [Load.merged(parts) for parts in zip(*rounds, strict=True)]
    layout = "{:27} {:>7} {:>10} {:>8} {:>8} {:>8} {:>5}  {}"
    print(
        layout.format("service", "clients", "requests/s", "p50 ms", "p95", "p99", "rate", "failed")
    )
    for (url, at_once), one in zip(asked, found, strict=True):
        rate = one.per_second() / (found[0].per_second() or float("nan"))
        figures = [f"{value:.1f}" for value in (one.per_second(), *one.percentiles())]
        failed = ", ".join(f"{count} {status}" for status, count in one.failures.items())
        print(layout.format(url, at_once, *figures, f"{rate:.2f}", failed or "none"))
    return int(any(one.failures for one in found))


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
