"""What there is to export: the model that predictions, and what goes into its files with it."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras import config
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import Reader, read_images
from trash_keras.data.split import Split
from trash_keras.evaluation import benchmark
from trash_keras.exporters import model_info, onnx, parity, saved_model, tflite
from trash_keras.exporters.model_info import ModelInfo
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file
from trash_keras.models import inference
from trash_keras.reporting import parity_page, report
from trash_keras.storage import local


@dataclasses.dataclass(frozen=True)
class ExportSpec:
    """One model, for every kind of file.

    Attributes:
        model: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes],
            probabilities, in inference mode.
        metadata: Class names, size and resize of its images, and how it predictions.
        about: Where it comes from.
        calibration: Gives training images to quantize with, uint8 [N, side, side, 3]; called by
            the kinds that need them alone.
    """

    model: keras.Model
    metadata: ModelMetadata
    about: ModelInfo
    calibration: Callable[[], np.ndarray]


Writer = Callable[[ExportSpec, Path], None]


def _plain(write: Callable[[keras.Model, ModelMetadata, Path], None]) -> Writer:
    """Makes a writer of one that needs no more than the model and its metadata."""
    return lambda source, path: write(source.model, source.metadata, path)


# Kind -> name in RUN/export/, and what writes it.
FORMATS: dict[str, tuple[str, Writer]] = {
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
    timing_rounds: int = benchmark.ROUNDS


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
        formats: Keys of `FORMATS`. What was exported earlier stays.
        data_dir: Where the run's images lie; None for where it was trained on them.
        **options: Fields of `ExportOptions`.

    Returns:
        The content of `export.json`: `input` and `output` metadata, `answering` of
        `ModelMetadata.answering`, the number of `compared_pictures`, the `machine` that timed the
        files, and for each of the `kinds` its `path`, size in `bytes`, what
        `parity.Reference.figures` returns, and `latency` and `peak_memory_mb` of
        `timing.measure`. Formats that this call did not ship, since they agree too little, are
        under `refused`, with what they predicted.

    Raises:
        ImportError: A format needs a package that is not installed.
        ValueError: Unknown formats or options, no trained model in `workdir`, its images are gone,
            or a file that cannot be run.
    """
    settings = config.make_options(ExportOptions, options)
    formats = [formats] if isinstance(formats, str) else formats
    if unknown := set(formats) - set(FORMATS):
        raise ValueError(
            f"Unknown formats: {', '.join(sorted(unknown))}. --formats takes: {', '.join(FORMATS)}."
        )
    workdir = Path(workdir)
    metadata = ModelMetadata.read(workdir / "model.keras")
    reference = parity.Reference.of_run(workdir, data_dir)
    source = ExportSpec(
        inference.load(workdir / "model.keras"),
        metadata,
        model_info.of_run(workdir, metadata, settings.license),
        functools.partial(
            _calibration, workdir, metadata, reference.split.reader, settings.calibration_images
        ),
    )

    output = workdir / "export"
    facts = _earlier(workdir) | _describe(metadata)
    facts |= {"compared_pictures": len(reference.predictions.paths), "refused": {}}
    for kind in formats:
        name, write = FORMATS[kind]
        try:
            with local.atomic_write(output / name) as temporary:
                write(source, temporary)
                size = _size(temporary)
                figures = reference.figures(temporary, settings.min_agreement)
            facts["kinds"][kind] = {"path": name, "bytes": size, **figures}
        except parity.DisagreementError as found:
            local.remove(output / name)
            facts["kinds"].pop(kind, None)
            facts["refused"][kind] = {"bytes": size, **found.figures}
    local.write_text(output / "labels.txt", metadata.labels_text())
    _time(output, facts, settings.timing_rounds)
    local.write_json(output / "export.json", facts)
    read = functools.partial(read_images, reference.split.reader)
    parity_page.write_page(output / "parity.html", facts, read)
    report.rerender(workdir, read)
    return facts


def _time(output: Path, facts: dict[str, Any], rounds: int) -> None:
    """Adds latency and memory, of earlier kinds as well: only one call's can be compared."""
    there = {kind: output / row["path"] for kind, row in facts["kinds"].items()}
    if rounds and there:
        for kind, figures in benchmark.measure(there, rounds=rounds).items():
            facts["kinds"][kind] |= figures
        facts["machine"] = benchmark.machine()


def _calibration(workdir: Path, metadata: ModelMetadata, reader: Reader, count: int) -> np.ndarray:
    """Reads some training images: uint8 [N, side, side, 3]."""
    catalog = Catalog.load(workdir / "catalog.json").share("train", count)
    limit = config.load(workdir / "config.json").data.max_megapixels
    split = Split(catalog, "train", reader, max_megapixels=limit).for_model(metadata)
    images = pipeline.load_split(split, cache=False)
    return np.stack([image for image, _ in images.as_numpy_iterator()])


def _describe(metadata: ModelMetadata) -> dict[str, Any]:
    side = metadata.image_size
    return {
        "class_names": list(metadata.class_names),
        "input": {
            "name": "image",
            "shape": [None, side, side, 3],
            "dtype": "float32",
            "color_order": "RGB",
            "range": [0, 255],
            "resize": metadata.resize,
        },
        "output": {"name": "probabilities", "shape": [None, len(metadata.class_names)]},
        "answering": metadata.answering(),
    }


def _earlier(workdir: Path) -> dict[str, Any]:
    facts = report_file.read_export(workdir)
    return {"kinds": {}} | {name: facts[name] for name in ("kinds", "machine") if name in facts}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
