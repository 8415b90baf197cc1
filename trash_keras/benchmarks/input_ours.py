"""Contenders of the input suite: this package, as a run reads its images."""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.config import Config
from trash_keras.data import pipeline
from trash_keras.training import devices, run_data


def cold(**settings: Any) -> Turn:
    """Reads a folder for the first time, once: settings of `Config`, `data_dir` for one."""
    config = Config.make(**settings)

    def turn() -> Figures:
        started = time.perf_counter()
        data = _open(config)
        _exhaust(_train_batches(config, data, 0))
        for split in ("valid", "test"):
            _exhaust(pipeline.make_eval_dataset(data[split], config.data.batch_size))
        return figures(sum(map(len, _splits(data))), time.perf_counter() - started)

    return turn


def warm(**settings: Any) -> Turn:
    """Reads the training images again, once a turn."""
    config = Config.make(**settings)
    data = _open(config)
    _exhaust(_train_batches(config, data, 0))
    batches = _train_batches(config, data, 1)

    def turn() -> Figures:
        started = time.perf_counter()
        _exhaust(batches)
        return figures(len(data["views"]), time.perf_counter() - started)

    return turn


def _open(config: Config) -> dict[str, Any]:
    """Returns the datasets of a run, as `trainer.train_and_evaluate` makes them."""
    devices.keep_freed_memory()
    decoded = run_data.decoded_images(config.data)
    reader = run_data.open_data(config.data)
    with tempfile.TemporaryDirectory() as workdir:
        catalog = run_data.resolve_splits(config, Path(workdir), reader, decoded)
    return run_data.images(config.data, catalog, reader, config.data.image_size, decoded)


def _splits(data: dict[str, Any]) -> list[Any]:
    return [data[split] for split in ("train", "valid", "test")]


def _train_batches(config: Config, data: dict[str, Any], epoch: int) -> Any:
    return pipeline.make_train_dataset(
        data["views"],
        batch_size=config.data.batch_size,
        seed=config.runtime.seed,
        first_epoch=epoch,
        last_epoch=epoch + 1,
        augment=run_data.augment(config),
    )


def _exhaust(batches: Iterable[Any]) -> None:
    for _ in batches:
        pass
