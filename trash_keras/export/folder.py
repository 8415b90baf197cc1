"""A trained run -> RUN/export/: artefacts, labels, and export.json with what they are worth."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras import config as configuration
from trash_keras import files
from trash_keras.config import DataConfig
from trash_keras.contract import Contract
from trash_keras.data.catalog import Catalog
from trash_keras.data.stores import Store, open_store, read_pictures
from trash_keras.evaluation import publishing
from trash_keras.export import about, saved_model, tflite
from trash_keras.export.source import Source
from trash_keras.modeling import answering
from trash_keras.prediction import Predictor
from trash_keras.scoring import pictures_for

Writer = Callable[[Source, Path], None]
# Kind -> name in RUN/export/, and what writes it.
KINDS: dict[str, tuple[str, Writer]] = {
    "saved_model": (
        "saved_model",
        lambda source, path: saved_model.write(source.model, source.contract, path),
    ),
    "float32": ("model_float32.tflite", tflite.write_float32),
    "float16": ("model_float16.tflite", tflite.write_float16),
    "dynamic": ("model_dynamic.tflite", tflite.write_dynamic),
    "int8": ("model_int8.tflite", tflite.write_int8),
}
COMPARED_PICTURES = 64
CALIBRATION_IMAGES = 128


def export(
    workdir: str | Path,
    kinds: Sequence[str],
    data_dir: str | None = None,
    *,
    calibration_images: int = CALIBRATION_IMAGES,
    license_name: str = "",
) -> dict[str, Any]:
    """Writes artefacts of a trained run and compares each with the Keras model.

    The report page and the model card of a complete run list them afterwards.

    Args:
        workdir: Folder of the run.
        kinds: Keys of `KINDS`. Kinds exported earlier stay.
        data_dir: Where the run's pictures lie; None for where it was trained on them.
        calibration_images: Training pictures, each class in its share, that int8 is made with.
        license_name: Of the model, for the files.

    Returns:
        The content of `export.json`: `input` and `output` contract, `answering` of
        `Contract.answering`, and for each kind its `path`, size in `bytes`, and `max_difference`
        of probabilities from Keras on `compared_pictures` pictures of the test split.

    Raises:
        ValueError: Unknown kinds, no trained model in `workdir`, or its pictures are gone.
    """
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(
            f"Unknown kinds: {', '.join(sorted(unknown))}. --kinds takes: {', '.join(KINDS)}."
        )
    workdir = Path(workdir)
    contract = Contract.read(workdir / "model.keras")
    store, images = _test_pictures(workdir, contract, data_dir)
    model = answering.load(workdir / "model.keras", contract)
    source = Source(
        model,
        contract,
        about.of_run(workdir, contract, license_name),
        functools.partial(_calibration, workdir, contract, data_dir, calibration_images),
    )
    expected = model.predict(images, verbose=0)

    output = workdir / "export"
    facts = _earlier(output) | {**_describe(contract), "compared_pictures": len(images)}
    for kind in kinds:
        name, write = KINDS[kind]
        with files.replacing(output / name) as temporary:
            write(source, temporary)
        answers = Predictor.load(output / name).predict([images], len(images), f"Checking {kind}")
        facts["kinds"][kind] = {
            "path": name,
            "bytes": _size(output / name),
            "max_difference": float(np.abs(answers - expected).max()),
        }
    files.write_text(output / "labels.txt", contract.labels_text())
    files.write_json(output / "export.json", facts)
    publishing.refresh(workdir, functools.partial(read_pictures, store))
    return facts


def _test_pictures(
    workdir: Path, contract: Contract, data_dir: str | None
) -> tuple[Store, np.ndarray]:
    catalog = Catalog.load(workdir / "catalog.json").only("test")
    store, settings = _store(workdir, data_dir)
    catalog.require(store.members(), data_dir or settings.data_dir)
    pictures = pictures_for(contract, catalog, "test", store, settings.max_megapixels)
    chosen = pictures.take(COMPARED_PICTURES).map(lambda image, label: image)
    return store, np.stack(list(chosen.as_numpy_iterator())).astype("float32")


def _store(workdir: Path, data_dir: str | None) -> tuple[Store, DataConfig]:
    settings = configuration.load(workdir / "config.json").data
    return open_store(data_dir or settings.data_dir, settings.data_format), settings


def _calibration(workdir: Path, contract: Contract, data_dir: str | None, count: int) -> np.ndarray:
    """Reads some training pictures: uint8 [N, side, side, 3]."""
    catalog = Catalog.load(workdir / "catalog.json").share("train", count)
    store, settings = _store(workdir, data_dir)
    pictures = pictures_for(contract, catalog, "train", store, settings.max_megapixels)
    return np.stack([image for image, _ in pictures.as_numpy_iterator()])


def _describe(contract: Contract) -> dict[str, Any]:
    side = contract.image_size
    return {
        "class_names": list(contract.class_names),
        "input": {
            "name": "image",
            "shape": [None, side, side, 3],
            "dtype": "float32",
            "color_order": "RGB",
            "range": [0, 255],
            "resize": contract.resize,
        },
        "output": {"name": "probabilities", "shape": [None, len(contract.class_names)]},
        "answering": contract.answering(),
    }


def _earlier(output: Path) -> dict[str, Any]:
    path = output / "export.json"
    kinds = json.loads(path.read_text(encoding="utf-8"))["kinds"] if path.exists() else {}
    return {"kinds": kinds}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
