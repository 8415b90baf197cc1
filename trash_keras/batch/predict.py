"""Batch inference: millions of images -> files of predictions, as a job of `batch.beam`.

Beside what every job keeps, its folder holds

    inputs.jsonl                      the images in order, a JSON string a line
    predictions-00003-of-00040.jsonl  or .parquet: a shard's predictions, in the order of the images
    errors-00003-of-00040.jsonl       a shard's unreadable files and why; only where there are some

A shard is a range of `inputs.jsonl`, so that a worker reads just its own images' names, and no
machine ever holds more than one shard's predictions and one batch of pixels a thread.
"""

import dataclasses
import functools
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.batch import beam, writers
from trash_keras.data import decoding
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor
from trash_keras.storage import remote
from trash_keras.storage.addresses import holds_secret, public_value

INPUTS = "inputs.jsonl"


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """How a job predicts, and the form of its results.

    Attributes:
        output_format: jsonl or parquet.
        examples_per_file: Images per file of results.
        batch_size: Images per step.
        max_megapixels: Most pixels to decode, millions; larger files count as errors.
        threshold: As for `Predictor.with_threshold`.
        trust_model: As for `Predictor.load`.
    """

    output_format: str = "jsonl"
    examples_per_file: int = 512
    batch_size: int = 32
    max_megapixels: float = decoding.MAX_MEGAPIXELS
    threshold: float | None = None
    trust_model: bool = False

    def __post_init__(self) -> None:
        if self.output_format not in writers.WRITERS:
            names = ", ".join(writers.WRITERS)
            raise ValueError(
                f"output_format must be one of {names}. Received: {self.output_format}"
            )


def predict_images(
    model: str,
    paths: Iterable[str],
    output: str | os.PathLike,
    options: PredictOptions = PredictOptions(),
    runner: str = "DirectRunner",
    runner_options: str = "",
) -> dict[str, int]:
    """Classifies images into files; the same call continues one that was cut short.

    Args:
        model: A `.keras` or `.tflite` file or a SavedModel folder, which the workers must reach:
            a path, or an address like gs://BUCKET/model.keras.
        paths: Image files, paths or addresses; consumed one by one.
        output: Folder for the results, path or address; new, empty or of the same job.
        options: How to predict.
        runner: One of `beam.RUNNERS`.
        runner_options: Beam pipeline options as on a command line.

    Returns:
        The number of `parts` (shards), `images`, `predictions` and `errors`.

    Raises:
        ImportError: Apache Beam or PyArrow, or the client of an object store, is not installed.
        ValueError: No images, no model, a folder of another job, or wrong options.
        OSError: A shard's results could not be written.
    """
    beam_options = beam.pipeline_options(runner, runner_options)
    if options.output_format == "parquet":
        writers.require_parquet()
    with remote.local_copy(model) as local:
        ModelMetadata.read(local)
        model_checksum = remote.checksum(local)
    # Here first: a broken model would fail on every worker.
    load_once(model, model_checksum, options.trust_model).with_threshold(options.threshold)
    with remote.atomic_write(remote.join(output, INPUTS)) as temporary:
        starts, inputs_checksum, count = _write_inputs(paths, temporary, options.examples_per_file)
        description = {
            "task": "predict",
            "model_sha256": model_checksum,
            "images": count,
            "images_sha256": inputs_checksum,
            "examples_per_file": options.examples_per_file,
            "output_format": options.output_format,
            "max_megapixels": options.max_megapixels,
            **({} if options.threshold is None else {"threshold": options.threshold}),
        }
        beam.open_job(output, description)
    work = PredictShard(model, model_checksum, str(output), starts, options)
    return beam.run_shards(work, len(starts) - 1, output, beam_options, {"images": count})


def _write_inputs(
    paths: Iterable[str], target: Path, examples_per_file: int
) -> tuple[tuple[int, ...], str, int]:
    """Returns where each shard starts in the file (and the last ends), its checksum, the count."""
    digest = hashlib.sha256()
    starts, count, position = [], 0, 0
    with target.open("wb") as file:
        for count, path in enumerate(paths, start=1):
            _require_public(path)
            line = (json.dumps(path) + "\n").encode()
            if (count - 1) % examples_per_file == 0:
                starts.append(position)
            digest.update(line)
            position += file.write(line)
    if not count:
        raise ValueError("There are no images in what was named. Name files, or other folders.")
    return (*starts, position), digest.hexdigest(), count


def _require_public(path: str) -> None:
    """Checks that an address may be kept in the folder of the job, where workers find it."""
    if holds_secret(path):
        raise ValueError(
            "A job keeps the addresses of its images, so they may have no user, password, query or "
            "fragment: give the client its credentials by the environment. "
            f"Received: {public_value(path)}"
        )


@dataclasses.dataclass(frozen=True)
class PredictShard:
    """The work of `beam.run_shards`: classifies one shard of the images.

    Attributes:
        model: Path or address of the model.
        model_checksum: Its checksum; one that is loaded already is recognized by it.
        output: Folder of the job.
        starts: Byte in `inputs.jsonl` where each shard starts, and where the last one ends.
        options: How to predict.
    """

    model: str
    model_checksum: str
    output: str
    starts: tuple[int, ...]
    options: PredictOptions

    def __call__(self, number: int) -> dict[str, int]:
        """Writes the files of a shard; returns its number of images, predictions and errors."""
        inputs, options = remote.join(self.output, INPUTS), self.options
        lines = remote.read_bytes(inputs, self.starts[number], self.starts[number + 1])
        paths = [json.loads(line) for line in lines.splitlines()]
        predictor = load_once(self.model, self.model_checksum, options.trust_model)
        predictor = predictor.with_threshold(options.threshold)
        predictions: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for found in predictor.predict_stream(paths, options.batch_size, options.max_megapixels):
            (errors if found.error else predictions).append(found.to_dict())
        if len(predictions) + len(errors) != len(paths):
            raise RuntimeError(f"{len(paths)} images gave {len(predictions)} + {len(errors)} rows")
        self._write_errors(number, errors)
        with remote.atomic_write(
            self._name(number, "predictions", options.output_format)
        ) as temporary:
            writers.WRITERS[options.output_format](temporary, predictions, predictor.metadata)
        return {"images": len(paths), "predictions": len(predictions), "errors": len(errors)}

    def _write_errors(self, number: int, errors: list[dict[str, Any]]) -> None:
        path = self._name(number, "errors", "jsonl")
        if errors:
            with remote.atomic_write(path) as temporary:
                writers.write_jsonl(temporary, errors)
        else:
            remote.remove(path)  # of an attempt that was cut short before its record

    def _name(self, number: int, kind: str, suffix: str) -> str:
        name = f"{kind}-{number:05d}-of-{len(self.starts) - 1:05d}.{suffix}"
        return remote.join(self.output, name)


_loading = threading.Lock()


def load_once(model: str, checksum: str, trust_model: bool = False) -> Predictor:
    """Returns the predictor of this process, safe to use from several threads.

    Args:
        model: Path or address of the model.
        checksum: Of its content; another one is loaded afresh.
        trust_model: As for `Predictor.load`.
    """
    with _loading:
        return _load(model, checksum, trust_model)


@functools.lru_cache(maxsize=1)
def _load(model: str, checksum: str, trust_model: bool) -> Predictor:
    with remote.local_copy(model) as local:
        predictor = Predictor.load(local, trust_model=trust_model)
    # A TFLite interpreter is not safe to share, and one step already takes every core.
    lock = threading.Lock()

    def predict_batch(images: np.ndarray) -> np.ndarray:
        with lock:
            return predictor.predict_batch(images)

    return dataclasses.replace(predictor, predict_batch=predict_batch)
