"""Contenders of the training suite: this package."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.config import Config
from trash_keras.models import classifier
from trash_keras.training import devices, run_data, stages, trainer

CLASSES = 6
STEPS = 4  # of a turn


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


def step(backbone: str, image_size: int, batch_size: int, data_dir: str = "") -> Turn:
    """Trains a few steps a turn, compiled as in a run's fine-tuning.

    Args:
        backbone: Name.
        image_size: Height and width, pixels.
        batch_size: Images of a step.
        data_dir: Class folders to train on; empty for a constant batch.
    """
    config = Config.make(
        data_dir=data_dir or "-",
        image_size=image_size,
        batch_size=batch_size,
        backbone=backbone,
        weights="none",
    )
    source, names = _images(config) if data_dir else _constant(config)
    return _steps(config, source, names, 1.0, STEPS)


def _steps(
    config: Config, source: stages.Source, names: list[str], share: float, steps: int
) -> Turn:
    """Trains steps of fine-tuning, with a share of the backbone's layers unfrozen."""
    devices.keep_freed_memory()
    batch_size = config.data.batch_size
    model = classifier.create(config.model, names, config.data.image_size)
    classifier.unfreeze(model, share)
    phase = stages.Phase(stages.FINETUNE, 0, 1000, config.training.finetune_learning_rate)
    recipe = stages.Recipe(config.training, config.runtime.seed, batch_size)
    recipe.compile(model, phase, source)
    batches = iter(source.batches(phase, 0, recipe.seed, batch_size))
    model.make_train_function()
    train = model.train_function
    train(batches)  # traces it

    def turn() -> Figures:
        train(batches)  # the other contenders have used the caches since
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
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as workdir:
            report: dict[str, Any] = trainer.train_and_evaluate(config, workdir)
        if (reached := report["valid"]["accuracy"]) < accuracy:
            raise ValueError(f"the accuracy on validation is {reached:.4f}, below {accuracy}")
        return {"minutes": (time.perf_counter() - started) / 60}

    return turn
