"""Contenders of the inference suite: this package; and how one image is timed, of peers as well."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.predictor import Predictor

REPEATS = 10  # images of a turn, of each kind


def one_image(model: str, image: str, threads: int) -> Turn:
    """Classifies one image at a time: decoded and resized already, and from the bytes of a file.

    Args:
        model: File or folder.
        image: File.
        threads: CPU threads of the runtime.
    """
    predictor = Predictor.load(model, threads=threads)
    side = predictor.metadata.image_size
    array = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    encoded = Path(image).read_bytes()
    return timed(
        lambda: predictor.predict_batch(array), lambda: predictor.predict(encoded), size(model)
    )


def folder(model: str, folder: str, threads: int) -> Turn:
    """Classifies all images of a folder, once a turn, with as many threads as there are cores."""
    predictor = Predictor.load(model, threads=threads or None)

    def turn() -> Figures:
        started = time.perf_counter()
        return figures(len(predictor.predict(folder)), time.perf_counter() - started)

    return turn


def timed(
    from_array: Callable[[], object], from_bytes: Callable[[], object], size_mb: float
) -> Turn:
    """Returns a turn that calls both several times: median and 95th percentile, ms.

    Args:
        from_array: Predicts a decoded image.
        from_bytes: Predicts an encoded one.
        size_mb: Size of the model, 10^6 bytes.
    """

    def turn() -> Figures:
        found = {"size_mb": size_mb}
        for name, predict in (("array", from_array), ("bytes", from_bytes)):
            predict()  # the other contenders have used the caches since
            milliseconds = []
            for _ in range(REPEATS):
                started = time.perf_counter()
                predict()
                milliseconds.append(1000 * (time.perf_counter() - started))
            p50, p95 = np.percentile(milliseconds, (50, 95))
            found |= {f"{name}_p50": float(p50), f"{name}_p95": float(p95)}
        return found

    return turn


def size(model: str) -> float:
    """Returns the size of a file, or of all files in a folder, 10^6 bytes."""
    path = Path(model)
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6
