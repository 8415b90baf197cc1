"""Says how many requests services on this machine answer, side by side.

    trash-keras serve --model=MODEL --port=8001 --max_batch=1 &
    trash-keras serve --model=MODEL --port=8002 --max_batch=8 &
    python -m tools.load_test --urls=http://127.0.0.1:8001,http://127.0.0.1:8002 photo.jpg

Each round asks every service with every number of clients, so that what else the machine does
falls on all alike. The last column is the rate against the first row.
"""

import sys
from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch

URLS = flags.DEFINE_list("urls", ["http://127.0.0.1:8000"], "Services; loopback alone.")
CLIENTS = flags.DEFINE_list("clients", ["1", "8"], "Numbers of clients that ask at once.")
ROUNDS = flags.DEFINE_integer("rounds", 3, "Times that all of it is done.", 1, 20)
REQUESTS = flags.DEFINE_integer("requests", 100, "Most requests of one measurement.", 1, 10000)
SECONDS = flags.DEFINE_float("seconds", 10.0, "Most seconds of one measurement.", 0.1, 60)


def main(paths: Sequence[str]) -> int:
    """Prints a row for each service and number of clients; status 1 when a request failed."""
    from trash_keras.data import decoding
    from trash_keras.data.image_files import iter_image_files
    from trash_keras.serving import load

    pictures = [decoding.read_bytes(path) for path in iter_image_files(paths)]
    if not pictures:
        raise ValueError("Name at least one image or folder: tools.load_test ... PATH...")
    if not all(clients.isdecimal() and 0 < int(clients) <= 256 for clients in CLIENTS.value):
        raise ValueError(f"--clients takes numbers from 1 to 256. Received: {CLIENTS.value}")
    asked = [(url, int(clients)) for clients in CLIENTS.value for url in URLS.value]
    for url in URLS.value:
        load.measure(url, pictures, 1, 3, SECONDS.value)  # warm
    rounds = [
        [load.measure(url, pictures, at_once, REQUESTS.value, SECONDS.value)
         for url, at_once in asked]
        for _ in range(ROUNDS.value)
    ]  # fmt: skip
    found = [load.Load.merged(parts) for parts in zip(*rounds, strict=True)]
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
