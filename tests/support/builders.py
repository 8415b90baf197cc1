"""Tiny image folders, a toy backbone and configurations of runs that take seconds."""

import os
import shutil
from pathlib import Path

import filelock
import numpy as np
from PIL import Image

COLOURS = {"blue": (30, 40, 220), "green": (30, 200, 40), "red": (220, 30, 30)}


def write_solid(folder: Path, per_class: int = 12, side: int = 20, colours=None) -> Path:
    """Writes class folders of solid colours with a little noise, as PNG."""
    generator = np.random.default_rng(0)
    for name, colour in (colours or COLOURS).items():
        (folder / name).mkdir(parents=True)
        for index in range(per_class):
            noise = generator.normal(0, 8, (side, side + 4, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}{index}.png")
    return folder


def write_toy_backbone(path: Path) -> Path:
    """Writes a .keras feature extractor with BatchNorm and Dropout, which scales its own input."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Dropout(0.1)(x)
    x = keras.layers.Conv2D(12, 3, activation="relu")(x)
    keras.Model(inputs, x, name="toy").save(path)
    return path


def toy_config(data, backbone, **changes):
    """A configuration that takes seconds; `changes` are flags by name."""
    from trash_keras.config import Config, fields

    flags = {
        "data_dir": str(data), "backbone": str(backbone), "image_size": 16, "batch_size": 8,
        "head_epochs": 6, "head_learning_rate": 0.05, "finetune_epochs": 2,
        "deterministic": True, "accelerator": "cpu", **changes,
    }  # fmt: skip
    values = {}
    for section, field in fields():
        if field.name in flags:
            values.setdefault(section, {})[field.name] = flags.pop(field.name)
    assert not flags, f"unknown settings {flags}"
    return Config.from_dict(values)


def make_once(tmp_path_factory, name: str, make) -> Path:
    """Makes a folder once for all workers of pytest-xdist, which only read it.

    Args:
        tmp_path_factory: Of pytest.
        name: Of the folder, the same in every worker.
        make: Fills the folder that it is given.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the session's, in which each worker has a folder
    folder = root / f"shared-{name}"
    with filelock.FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose test broke off
            folder.mkdir()
            make(folder)
            (folder / "complete").touch()
    return folder
