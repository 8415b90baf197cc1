"""A trained run -> RUN/export/: artefacts, labels, and export.json with what they are worth."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras import config as configuration
from trash_keras import files, timing
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.split import Split
from trash_keras.data.stores import Store, read_pictures
from trash_keras.evaluation import parity_page, publishing
from trash_keras.export import about, onnx, parity, saved_model, tflite
from trash_keras.export.source import Source
from trash_keras.metrics import report_file
from trash_keras.modeling import answering

Writer = Callable[[Source, Path], None]


def _plain(write: Callable[[keras.Model, Contract, Path], None]) -> Writer:
    """Makes a writer of one that needs no more than the model and its contract."""
    return lambda source, path: write(source.model, source.contract, path)


# Kind -> name in RUN/export/, and what writes it.
KINDS: dict[str, tuple[str, Writer]] = {
    "saved_model": ("saved_model", _plain(saved_model.write)),
    "float32": ("model_float32.tflite", tflite.write_float32),
    "float16": ("model_float16.tflite", tflite.write_float16),
    "dynamic": ("model_dynamic.tflite", tflite.write_dynamic),
    "int8": ("model_int8.tflite", tflite.write_int8),
    "onnx": ("model.onnx", _plain(onnx.write)),
}
FORMATS = ("saved_model", "float32")  # what is written where nothing else is asked for


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How a run is exported.

    Attributes:
        calibration_images: Training images, each class in its share, that int8 quantization is
            calibrated with; 0: all.
        license: Of the model, for the files.
        min_agreement: Least share of test images to which a file gives the class that Keras gives,
            0 to 1. One that reaches less is not shipped; an earlier one of its format goes.
        timing_rounds: Of `timing.measure`, for all files that stand in RUN/export/; 0 times none.
    """

    calibration_images: int = 128
    license: str = ""
    min_agreement: float = parity.MIN_AGREEMENT
    timing_rounds: int = timing.ROUNDS


def export(
    workdir: str | os.PathLike,
    formats: Sequence[str] = FORMATS,
    data_dir: str | os.PathLike | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Exports a run to what servers and phones read, each file held against the Keras model.

        import trash_keras as tk
        tk.export("runs/mine", formats=["int8"])  # runs/mine/export/model_int8.tflite

    A file stands in RUN/export/ only when it has predicted the whole test split, and like Keras.
    The report page and the model card of a complete run list the files afterwards.

    Args:
        workdir: Folder of the run.
        formats: Keys of `KINDS`. What was exported earlier stays.
        data_dir: Where the run's images lie; None for where it was trained on them.
        **options: Fields of `ExportOptions`.

    Returns:
        The content of `export.json`: `input` and `output` contract, `answering` of
        `Contract.answering`, the number of `compared_pictures`, the `machine` that timed the
        files, and for each of the `kinds` its `path`, size in `bytes`, what
        `parity.Reference.figures` returns, and `latency` and `peak_memory_mb` of
        `timing.measure`. Formats that this call did not ship, since they agree too little, are
        under `refused`, with what they predicted.

    Raises:
        ImportError: A format needs a package that is not installed.
        ValueError: Unknown formats or options, no trained model in `workdir`, its images are gone,
            or a file that cannot be run.
    """
    settings = configuration.make_options(ExportOptions, options)
    formats = [formats] if isinstance(formats, str) else formats
    if unknown := set(formats) - set(KINDS):
        raise ValueError(
            f"Unknown formats: {', '.join(sorted(unknown))}. --formats takes: {', '.join(KINDS)}."
        )
    workdir = Path(workdir)
    contract = Contract.read(workdir / "model.keras")
    reference = parity.Reference.of_run(workdir, data_dir)
    source = Source(
        answering.load(workdir / "model.keras"),
        contract,
        about.of_run(workdir, contract, settings.license),
        functools.partial(
            _calibration, workdir, contract, reference.split.reader, settings.calibration_images
        ),
    )

    output = workdir / "export"
    facts = _earlier(workdir) | _describe(contract)
    facts |= {"compared_pictures": len(reference.answers.paths), "refused": {}}
    for kind in formats:
        name, write = KINDS[kind]
        try:
            with files.replacing(output / name) as temporary:
                write(source, temporary)
                size = _size(temporary)
                figures = reference.figures(temporary, settings.min_agreement)
            facts["kinds"][kind] = {"path": name, "bytes": size, **figures}
        except parity.DisagreementError as found:
            files.remove(output / name)
            facts["kinds"].pop(kind, None)
            facts["refused"][kind] = {"bytes": size, **found.figures}
    files.write_text(output / "labels.txt", contract.labels_text())
    _time(output, facts, settings.timing_rounds)
    files.write_json(output / "export.json", facts)
    read = functools.partial(read_pictures, reference.split.reader)
    parity_page.write_page(output / "parity.html", facts, read)
    publishing.refresh(workdir, read)
    return facts


def _time(output: Path, facts: dict[str, Any], rounds: int) -> None:
    """Adds latency and memory, of earlier kinds as well: only one call's can be compared."""
    there = {kind: output / row["path"] for kind, row in facts["kinds"].items()}
    if rounds and there:
        for kind, figures in timing.measure(there, rounds=rounds).items():
            facts["kinds"][kind] |= figures
        facts["machine"] = timing.machine()


def _calibration(workdir: Path, contract: Contract, store: Store, count: int) -> np.ndarray:
    """Reads some training pictures: uint8 [N, side, side, 3]."""
    catalog = Catalog.load(workdir / "catalog.json").share("train", count)
    limit = configuration.load(workdir / "config.json").data.max_megapixels
    split = Split(catalog, "train", store, max_megapixels=limit).for_model(contract)
    pictures = pipeline.pictures(split, cache=False)
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


def _earlier(workdir: Path) -> dict[str, Any]:
    facts = report_file.read_export(workdir)
    return {"kinds": {}} | {name: facts[name] for name in ("kinds", "machine") if name in facts}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
