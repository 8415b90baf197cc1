"""Exports a run: its inference model in each format asked for, each file compared with Keras.

What formats there are stands in `formats.FORMATS`.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras import config
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import Reader, read_images
from trash_keras.evaluation import benchmark
from trash_keras.exporters import model_info, parity
from trash_keras.exporters.formats import (
    DEFAULT_FORMATS,
    FORMATS,
    ExportOptions,
    require_known,
)
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file
from trash_keras.models import inference, keras_settings
from trash_keras.reporting import parity_page, report
from trash_keras.storage import local, locks
from trash_keras.storage.names import require_utf8


@keras_settings.settled()
def export(
    workdir: str | os.PathLike,
    formats: Sequence[str] = DEFAULT_FORMATS,
    data_dir: str | os.PathLike | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Exports a run to what servers and phones read, each file compared with the Keras model.

        import trash_keras as tk
        tk.export("runs/mine", formats=["int8"])  # runs/mine/export/model_int8.tflite

    A file stands in RUN/export/ only when it has predicted the whole test split, and like Keras;
    of an adapted run, which has none, all its images.
    The report page and the model card of a complete run list the files afterwards.

    Args:
        workdir: Folder of the run.
        formats: Keys of `formats.FORMATS`. What was exported earlier stays.
        data_dir: Where the run's images lie; None: where they lay in training.
        **options: Fields of `ExportOptions`.

    Returns:
        The content of `export.json`: what `input` and `output` are, `answering` of
        `ModelMetadata.inference_settings`, the number of `compared_pictures`, the `machine` that
        timed the files, and for each format under `kinds` its `path`, size in `bytes`, the
        versions of runtimes that were `tried`, what
        `parity.Reference.figures` returns, and `latency` and `peak_memory_mb` of
        `benchmark.measure`. Formats that this call did not ship, since they agree too little, are
        under `refused`, with what they predicted.

    Raises:
        ImportError: A format needs a package that is not installed.
        ValueError: Unknown formats or options, no trained model in `workdir`, its images are gone,
            a file that cannot be run, or a training or another export is at work there or was not
            finished.
    """
    settings = config.make_options(ExportOptions, options)
    formats = [formats] if isinstance(formats, str) else formats
    require_known(formats)
    if settings.int8_report and "int8" not in formats:
        raise ValueError(
            "--int8_report is about the int8 file: add int8 to --formats. "
            f"Received: --formats={','.join(formats)}"
        )
    local.require_folder("workdir", workdir)
    require_utf8(workdir)
    _require_finished(Path(workdir))
    with locks.hold("workdir", workdir), pipeline.naming_images():
        return _export(Path(workdir), formats, data_dir, settings)


def _require_finished(workdir: Path) -> None:
    if (workdir / "backup").exists() and not (workdir / "report.json").exists():
        raise ValueError(
            f"The run in {workdir} is not finished, so its model may still change. The command "
            "that trains it continues it; then export it."
        )


def _export(
    workdir: Path,
    formats: Sequence[str],
    data_dir: str | os.PathLike | None,
    settings: ExportOptions,
) -> dict[str, Any]:
    metadata = ModelMetadata.read(workdir / "model.keras")
    reference = parity.Reference.of_run(workdir, data_dir)
    output = workdir / "export"
    output.mkdir(exist_ok=True)
    spec = _spec(workdir, metadata, reference.split.reader, settings)
    facts = _earlier(workdir) | _describe(metadata)
    facts |= {"compared_pictures": len(reference.predictions.paths), "refused": {}}
    facts["compared_split"] = reference.split.name
    for name in formats:
        chosen = FORMATS[name]
        try:
            with local.atomic_write(output / chosen.file, checked=True) as temporary:
                chosen.write(spec, temporary)
                size = _size(temporary)
                if name == "int8":
                    _compare_layers(spec, temporary, output, settings.int8_report)
                figures = reference.figures(temporary, settings.min_agreement, chosen.quantized)
            facts["kinds"][name] = {"path": chosen.file, "bytes": size, **figures}
            facts["kinds"][name]["tried"] = chosen.tried
        except parity.DisagreementError as found:
            local.remove(output / chosen.file)
            facts["kinds"].pop(name, None)
            facts["refused"][name] = {"bytes": size, **found.figures}
    local.write_text(output / "labels.txt", metadata.labels_text())
    _time(output, facts, settings.timing_rounds)
    local.write_json(output / "export.json", facts, checked=True)
    read = functools.partial(read_images, reference.split.reader)
    parity_page.write_page(output / "parity.html", facts, read)
    report.rerender(workdir, read)
    return facts


def _spec(
    workdir: Path, metadata: ModelMetadata, reader: Reader, settings: ExportOptions
) -> ExportSpec:
    count = settings.calibration_images
    return ExportSpec(
        inference.load(workdir / "model.keras"),
        metadata,
        model_info.of_run(workdir, metadata, settings.license),
        functools.cache(lambda: _calibration_images(workdir, metadata, reader, count)),
        workdir / "export",
    )


def _compare_layers(spec: ExportSpec, path: Path, output: Path, wanted: bool) -> None:
    from trash_keras.exporters import int8_report  # needs LiteRT, which not every format does

    if not wanted:
        local.remove(output / int8_report.FILE)  # of another file
        return
    images = spec.calibration()[: int8_report.IMAGES]
    layers = int8_report.measure(spec.as_tflite, path.read_bytes(), images)
    int8_report.write(output / int8_report.FILE, layers)


def _time(output: Path, facts: dict[str, Any], rounds: int) -> None:
    """Adds latency and memory, of earlier formats as well: only one call's can be compared."""
    there = {name: output / row["path"] for name, row in facts["kinds"].items()}
    if rounds and there:
        for name, figures in benchmark.measure(there, rounds=rounds).items():
            facts["kinds"][name] |= figures
        facts["machine"] = benchmark.machine()


def _calibration_images(
    workdir: Path, metadata: ModelMetadata, reader: Reader, count: int
) -> np.ndarray:
    """Reads some training images: uint8 [N, side, side, 3]."""
    catalog = Catalog.load(workdir / "catalog.json")
    name = catalog.learned_from()
    catalog = catalog.stratified_sample(name, count)
    limit = config.load(workdir / "config.json").data.max_megapixels
    split = Split(catalog, name, reader, max_megapixels=limit).for_model(metadata)
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
        "answering": metadata.inference_settings(),
    }


def _earlier(workdir: Path) -> dict[str, Any]:
    facts = report_file.read_export(workdir)
    return {"kinds": {}} | {name: facts[name] for name in ("kinds", "machine") if name in facts}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
