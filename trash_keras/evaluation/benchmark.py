"""Benchmark of inference: latency and peak memory of models that predict one image at a time.

Each model runs in a process of its own, which loads its runtime and nothing else. The processes
take turns, a few images each, so that other load on the machine hits all of them. Figures of one
call can be compared with each other, those of two calls hardly.
"""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from trash_keras.evaluation import workers
from trash_keras.metrics.report_file import threads_title
from trash_keras.predictor import Predictor, suffix

THREADS = (1, 2)
ROUNDS = 12
IMAGES = 5  # for each model in each round
# Number of images -> the milliseconds of each, and the peak memory so far, bytes.
_Worker = Callable[[int], tuple[list[float], int]]


def measure(
    models: Mapping[str, str | os.PathLike],
    threads: Sequence[int] = THREADS,
    rounds: int = ROUNDS,
    trust_model: bool = False,
) -> dict[str, dict[str, Any]]:
    """Times models side by side.

    Each model has a process, first all with one number of threads, then with the next. Before
    each turn one image is classified that does not count, and before the first round a whole turn.

    Args:
        models: Name -> a file or folder that `Predictor.load` takes.
        threads: Numbers of CPU threads, each 1 or more.
        rounds: How often each model gets its turn of `IMAGES` images; 1 or more.
        trust_model: As for `Predictor.load`.

    Returns:
        For each name `latency`, with `p50_ms` and `p95_ms` of an image that is decoded and resized
        already, under `threads_1` and so on; and `peak_memory_mb`, the most memory (10^6 bytes)
        that its process ever held with the fewest threads: Python, NumPy and Pillow (some 60 MB),
        the runtime, the model, and one image at a time.

    Raises:
        ValueError: A number of rounds or threads below 1, or a model that cannot predict.
    """
    if rounds < 1 or not threads or min(threads) < 1:
        raise ValueError(
            "Timing takes one round and one thread or more. "
            f"Received: rounds={rounds}, threads={tuple(threads)}"
        )
    found: dict[str, dict[str, Any]] = {name: {"latency": {}} for name in models}
    for count in sorted(threads):
        for name, (times, memory) in _take_turns(models, count, rounds, trust_model).items():
            p50, p95 = np.percentile(times, (50, 95))
            latency = {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}
            found[name]["latency"][f"threads_{count}"] = latency
            found[name].setdefault("peak_memory_mb", round(memory / 1e6, 1))
    return found


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Formats what `measure` returned: a line for each model, with speed beside the first one's."""
    first = next(iter(found.values()))["latency"]
    width = max(map(len, found))
    lines = []
    for name, row in found.items():
        parts = [f"{name:<{width}}"]
        for key, figures in row["latency"].items():
            speed = first[key]["p50_ms"] / figures["p50_ms"]
            parts.append(
                f"{threads_title(key)}: median "
                f"{figures['p50_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms, speed {speed:.2f}"
            )
        lines.append("  ".join([*parts, f"peak memory {row['peak_memory_mb']:.0f} MB"]))
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Returns what the figures depend on: `cpu` (its name), `cores`, and `system`."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _take_turns(
    models: Mapping[str, str | os.PathLike], threads: int, rounds: int, trust_model: bool
) -> dict[str, tuple[list[float], int]]:
    """Returns for each model the milliseconds of each image, and its peak memory, bytes."""
    times: dict[str, list[float]] = {name: [] for name in models}
    memory = dict.fromkeys(models, 0)
    names = list(models)
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(_worker(path, threads, trust_model))
            for name, path in models.items()
        }
        title = f"Timing, {threads_title(f'threads_{threads}')}"
        for turn in tqdm(range(rounds + 1), desc=title, unit="round"):
            shift = turn % len(names)  # no model always follows the same one
            for name in names[shift:] + names[:shift]:
                took, memory[name] = workers[name](IMAGES)
                if turn:
                    times[name] += took
    return {name: (times[name], memory[name]) for name in names}


@contextlib.contextmanager
def _worker(path: str | os.PathLike, threads: int, trust_model: bool) -> Iterator[_Worker]:
    """Starts a process with a loaded model, which predicts on request; ends it at the end."""
    trusted = ["trusted"] if trust_model and not suffix(path) else []
    with workers.start(__name__, os.fspath(path), str(threads), *trusted) as ask:

        def predict(images: int) -> tuple[list[float], int]:
            try:
                found = ask(images)
            except ValueError as error:
                raise ValueError(f"{path} cannot be timed: {error}") from None
            return found["milliseconds"], found["peak_memory"]

        yield predict


def _run_worker(path: str, threads: int, trust_model: bool = False) -> None:
    """Predicts as many images as each request says."""

    def prepare() -> workers.Answer:
        predictor = Predictor.load(path, threads=threads, trust_model=trust_model)
        side = predictor.metadata.image_size
        image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)

        def answer(images: int) -> dict[str, Any]:
            predictor.predict_batch(image)  # the other models have used the caches since
            milliseconds = []
            for _ in range(images):
                start = time.perf_counter()
                predictor.predict_batch(image)
                milliseconds.append(1000 * (time.perf_counter() - start))
            return {"milliseconds": milliseconds, "peak_memory": workers.peak_memory()}

        return answer

    workers.serve(prepare)


if __name__ == "__main__":
    _run_worker(sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["trusted"])
