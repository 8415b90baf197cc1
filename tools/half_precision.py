"""Halves a `.keras` file: kernels in float16, which Keras reads into float32 weights again."""

import os
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np

from trash_keras.storage import local

WEIGHTS = "model.weights.h5"  # the entry of the archive


def write(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Copies a model with its kernels rounded to float16; all other entries stay as they are.

    Vectors, like biases and the statistics of BatchNorm, stay float32: they are few, and a variance
    may be too large or too small for float16.

    Args:
        source: `.keras` file.
        target: File to write, whole or not at all.

    Raises:
        ValueError: A weight is too large for float16.
    """
    with (
        local.atomic_write(target) as temporary,
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            with old.open(entry) as opened:
                if entry.filename != WEIGHTS:
                    new.writestr(entry.filename, opened.read())
                    continue
                aside = Path(temporary).with_name(WEIGHTS)
                with aside.open("wb") as file:
                    shutil.copyfileobj(opened, file)
            _halve(aside, aside.with_suffix(".half"))
            new.write(aside.with_suffix(".half"), WEIGHTS)


def _halve(source: Path, target: Path) -> None:
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                made = new.create_dataset(name, data=_rounded(name, item[()]))
            for key, value in item.attrs.items():
                made.attrs[key] = value

        old.visititems(copy)
        for key, value in old.attrs.items():
            new.attrs[key] = value


def _rounded(name: str, values: np.ndarray) -> np.ndarray:
    if values.ndim < 2 or values.dtype != np.float32:
        return values
    half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"{name} holds a value that is too large for float16.")
    return half
