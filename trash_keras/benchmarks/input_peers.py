"""Contenders of the input suite: what users of Keras and PyTorch write, with our strengths.

All of them make images of the size and batches of the number that are this package's defaults.
"""

import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.config import AugmentationConfig, DataConfig
from trash_keras.data.splits import TEST_SHARE, VALID_SHARE
from trash_keras.host import cores

SIDE, BATCH = DataConfig.image_size, DataConfig.batch_size
NOT_TRAINED = VALID_SHARE + TEST_SHARE
STRENGTH = AugmentationConfig


def keras_cold(data_dir: str) -> Turn:
    """Reads a folder for the first time with `image_dataset_from_directory`."""
    import keras  # noqa: F401 - before the clock starts, as ours is

    def turn() -> Figures:
        started = time.perf_counter()
        train, others = keras_splits(data_dir)
        count = _exhausted(augmented(train)) + _exhausted(others)
        return figures(count, time.perf_counter() - started)

    return turn


def keras_warm(data_dir: str) -> Turn:
    """Reads the training images again, decoded ones from memory (`Dataset.cache`)."""
    train = augmented(keras_splits(data_dir)[0].cache())
    _exhausted(train)

    def turn() -> Figures:
        started = time.perf_counter()
        return figures(_exhausted(train), time.perf_counter() - started)

    return turn


def keras_splits(data_dir: str) -> Any:
    """Returns the training images of a folder and the others: batched datasets, not augmented."""
    import keras

    return keras.utils.image_dataset_from_directory(
        data_dir,
        label_mode="categorical",
        image_size=(SIDE, SIDE),
        batch_size=BATCH,
        validation_split=NOT_TRAINED,
        subset="both",
        seed=0,
        verbose=False,
    )


def augmented(dataset: Any) -> Any:
    """Augments batches with Keras' layers in turn, in parallel with what uses them."""
    import keras
    import tensorflow as tf

    layers = keras.layers
    augment = keras.Sequential(
        [
            layers.RandomFlip(STRENGTH.flip),
            layers.RandomRotation(STRENGTH.rotation / 360),
            layers.RandomZoom(STRENGTH.zoom),
            layers.RandomTranslation(STRENGTH.translation, STRENGTH.translation),
            layers.RandomBrightness(STRENGTH.brightness),
            layers.RandomContrast(STRENGTH.contrast),
        ]
    )
    return dataset.map(
        lambda images, labels: (augment(images, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def torch_cold(data_dir: str) -> Turn:
    """Reads a folder for the first time with `ImageFolder` and a worker for each core.

    Its memory is that of the main process: the workers' is not counted.
    """
    import torchvision  # noqa: F401 - before the clock starts, as ours is

    def turn() -> Figures:
        started = time.perf_counter()
        count = sum(map(_exhausted, _torch_loaders(data_dir, keep_workers=False)))
        return figures(count, time.perf_counter() - started)

    return turn


def torch_warm(data_dir: str) -> Turn:
    """Reads the training images again; the workers stay."""
    train, _ = _torch_loaders(data_dir, keep_workers=True)
    _exhausted(train)

    def turn() -> Figures:
        started = time.perf_counter()
        return figures(_exhausted(train), time.perf_counter() - started)

    return turn


def _torch_loaders(data_dir: str, keep_workers: bool) -> list[Any]:
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    square = [v2.ToImage(), v2.Resize((SIDE, SIDE), antialias=True)]
    as_float = v2.ToDtype(torch.float32)
    shift = STRENGTH.translation, STRENGTH.translation
    augment = [
        v2.RandomHorizontalFlip(),
        v2.RandomVerticalFlip(),
        v2.RandomAffine(
            STRENGTH.rotation,
            shift,
            (1 - STRENGTH.zoom, 1 + STRENGTH.zoom),
            interpolation=v2.InterpolationMode.BILINEAR,
        ),
        v2.ColorJitter(STRENGTH.brightness, STRENGTH.contrast),
    ]
    sets = (
        ImageFolder(data_dir, v2.Compose([*square, *augment, as_float])),
        ImageFolder(data_dir, v2.Compose([*square, as_float])),
    )
    order = torch.randperm(len(sets[0])).tolist()
    cut = round(NOT_TRAINED * len(order))
    parts = zip(sets, (order[cut:], order[:cut]), strict=True)
    return [
        torch.utils.data.DataLoader(
            torch.utils.data.Subset(images, rows),
            BATCH,
            shuffle=True,
            num_workers=cores.available(),
            persistent_workers=keep_workers,
        )
        for images, rows in parts
    ]


def _exhausted(batches: Iterable[Any]) -> int:
    """Reads all batches; returns the number of images."""
    return sum(len(labels) for _, labels in batches)


def decode(data_dir: str) -> Turn:
    """Decodes all images with Pillow in a thread for each core, and nothing else."""
    from PIL import Image

    def one(path: Path) -> None:
        with Image.open(path) as image:
            image.load()

    def turn() -> Figures:
        started = time.perf_counter()
        paths = [Path(place, name) for place, _, names in os.walk(data_dir) for name in names]
        with ThreadPoolExecutor(cores.available()) as threads:
            count = sum(1 for _ in threads.map(one, paths))
        return {"images_per_second": count / (time.perf_counter() - started)}

    return turn
