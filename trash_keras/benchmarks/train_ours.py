"""Contenders of the training suite: this package."""

import contextlib
import csv
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.train_suite import STEPS
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.config import Config
from trash_keras.models import classifier
from trash_keras.training import devices, run_data, stages, trainer

CLASSES = 6


def step_of_preset(preset: str, image_size: int, batch_size: int) -> Turn:
    """Trains one step a turn on a constant batch, as the fine-tuning of a preset does.

    Args:
        preset: Name; its weights are not read.
        image_size: Height and width, pixels.
        batch_size: Images of a step.
    """
    config = Config.make(
        preset=preset, image_size=image_size, batch_size=batch_size, weights="none"
    )
    source, names = _constant(config)
    return _steps(config, source, names, config.training.unfreeze_fraction, 1)


def step(
    backbone: str, image_size: int, batch_size: int, data_dir: str = "", steps: int = STEPS
) -> Turn:
    """Trains a few steps a turn, compiled as in a run's fine-tuning.

    Args:
        backbone: Name.
        image_size: Height and width, pixels.
        batch_size: Images of a step.
        data_dir: Class folders to train on; empty for a constant batch.
        steps: Of a turn; as many as a third of them are trained first.
    """
    config = Config.make(
        data_dir=data_dir or "-",
        image_size=image_size,
        batch_size=batch_size,
        backbone=backbone,
        weights="none",
    )
    source, names = _images(config) if data_dir else _constant(config)
    return _steps(config, source, names, 1.0, steps)


def _steps(
    config: Config, source: stages.Source, names: list[str], share: float, steps: int
) -> Turn:
    """Trains steps of fine-tuning, with a share of the backbone's layers unfrozen."""
    devices.keep_freed_memory()
    batch_size = config.data.batch_size
    model = classifier.create(config.model, names, config.data.image_size)
    model = classifier.unfreeze(model, share)
    phase = stages.Phase(stages.FINETUNE, 0, 1000, config.training.finetune_learning_rate)
    recipe = stages.Recipe(config.training, config.runtime.seed, batch_size)
    recipe.compile(model, phase, source)
    batches = iter(source.batches(phase, 0, recipe.seed, batch_size))
    model.make_train_function()
    train = model.train_function
    train(batches)  # traces it

    def turn() -> Figures:
        for _ in range(max(1, steps // 3)):  # the other contenders have used the caches since
            train(batches)
        started = time.perf_counter()
        for _ in range(steps):
            loss = train(batches)
        np.asarray(loss["loss"])  # waits for the device
        return figures(steps * batch_size, time.perf_counter() - started)

    return turn


def _constant(config: Config) -> tuple[stages.Source, list[str]]:
    side, count = config.data.image_size, config.data.batch_size
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, side, side, 3), np.uint8)
    labels = np.eye(CLASSES, dtype="float32")[np.arange(count) % CLASSES]
    examples = tf.data.Dataset.from_tensor_slices((images, labels)).cache()
    return stages.Source(examples, images, np.zeros(count)), [str(i) for i in range(CLASSES)]


def _images(config: Config) -> tuple[stages.Source, list[str]]:
    decoded = run_data.decoded_images(config.data)
    reader = run_data.open_data(config.data)
    with tempfile.TemporaryDirectory() as workdir:
        catalog = run_data.resolve_splits(config, Path(workdir), reader, decoded)
    side = config.data.image_size
    images = run_data.images(config.data, catalog, reader, side, decoded)
    augment = run_data.augment(config)
    data = stages.RunData(catalog, images, config.data.batch_size, augment)
    for _ in images["views"]:  # into the cache, as after the first epoch
        pass
    return stages.image_source(data, side), list(catalog.class_names)


def whole_run(data_dir: str, accuracy: float) -> Turn:
    """Trains the head of a run, from files to report: listing, checks and figures included.

    Raises:
        ValueError: Its accuracy on validation is lower.
    """

    def turn() -> Figures:
        config = Config.make(data_dir=data_dir, backbone="EfficientNetLite0", finetune_epochs=0)
        started, reached, has_ended = time.perf_counter(), list[float](), threading.Event()
        with tempfile.TemporaryDirectory() as workdir:
            rows = Path(workdir, "metrics.csv")
            watch = threading.Thread(target=_watch, args=(rows, accuracy, reached, has_ended))
            watch.start()
            try:
                report: dict[str, Any] = trainer.train_and_evaluate(config, workdir)
            finally:
                has_ended.set()
                watch.join()
        if not reached:
            best = report["valid"]["accuracy"]
            raise ValueError(f"the accuracy on validation is {best:.4f}, below {accuracy}")
        ended = time.perf_counter()
        return {
            "minutes_to_accuracy": (reached[0] - started) / 60,
            "minutes": (ended - started) / 60,
        }

    return turn


def _watch(rows: Path, accuracy: float, reached: list[float], has_ended: threading.Event) -> None:
    """Notes when an epoch with an accuracy on validation stands in `metrics.csv`."""
    while not has_ended.wait(0.05):
        with contextlib.suppress(FileNotFoundError), rows.open(encoding="utf-8") as file:
            if any(float(row["val_accuracy"]) >= accuracy for row in csv.DictReader(file)):
                reached.append(time.perf_counter())
                return
