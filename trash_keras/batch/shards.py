"""Any source of images -> a folder of shards; one process or an Apache Beam job does the work.

Each shard of images is one of a job (`batch/beam.py`), so that interrupted work continues where
it stopped, and runs in parallel on all machines that read the source and write the folder.
"""

import dataclasses
import functools
import hashlib
import json
import os
from pathlib import Path

from trash_keras.batch import beam
from trash_keras.data import split_folders
from trash_keras.data.readers import base, shard_writer
from trash_keras.data.readers.shards import by_class
from trash_keras.data.sources import remotes
from trash_keras.data.sources.prepare import Prepared, Request, prepare_dataset
from trash_keras.storage import local, remote
from trash_keras.storage.names import require_utf8, to_bytes

JOB = ".job"  # in the folder of shards, until they are finished
IMAGES = ".images"  # in there too: class folders, where no reader takes the source itself


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the shards are laid out.

    Attributes:
        data_format: tfrecord or array_record.
        shards: The least number of shards.
        megabytes: Most images in one shard, 10^6 bytes.
        runner: One of `beam.RUNNERS`, or empty for this process alone.
        runner_options: Beam's own options.
    """

    data_format: str
    shards: int
    megabytes: float
    runner: str = ""
    runner_options: str = ""


def write_shards(request: Request, output: str | os.PathLike, layout: Layout) -> Prepared:
    """Writes images into shards; the same call again continues, or does nothing.

    Args:
        request: Where the images come from; also `tfds:NAME`.
        output: Folder of the shards: on disk, or with tfrecord in an object store.
        layout: Of the shards.

    Returns:
        The images by class.

    Raises:
        ValueError: The source or the layout is refused, or `output` holds something else.
        OSError: The source cannot be read, or a shard cannot be written.
        ImportError: The client of the source, or Apache Beam, is not installed.
    """
    require_utf8(output)
    options = beam.pipeline_options(layout.runner, layout.runner_options) if layout.runner else None
    already = remote.exists(remote.join(output, shard_writer.INDEX))
    if not already:
        source = _readable(request, output)
        reader = base.open_reader(source)
        plan = shard_writer.plan(reader, layout.data_format, layout.shards, layout.megabytes)
        _write(source, request.name, plan, output, options)
        local.remove(Path(output) / IMAGES)
    index = json.loads(remote.read_bytes(remote.join(output, shard_writer.INDEX)))
    if index["source"] != request.name:
        raise ValueError(
            f"{output} holds the shards of {index['source']}. Name another folder for "
            f"{request.name}."
        )
    files = by_class(index["paths"])
    split_folders.tell(files)
    return Prepared(split_folders.counts(files), already)


def _readable(request: Request, output: str | os.PathLike) -> str:
    """Returns what `base.open_reader` takes: the source itself, or class folders made of it."""
    source = request.source
    if source.startswith(base.TFDS_PREFIX) or _is_remote_folder(source):
        return source
    if Path(source).expanduser().is_dir():
        return str(Path(source).expanduser().resolve())
    if remote.is_url(output):
        raise ValueError(
            f"{source} must be unpacked before it is written to {output}. Prepare it without "
            "--shards first, and name that folder as --source."
        )
    images = Path(output) / IMAGES
    prepare_dataset(request, images)
    return str(images)


def _is_remote_folder(source: str) -> bool:
    if not remote.is_url(source):
        return False
    return remotes.connect(source).info()["type"] == "directory"


def _write(
    source: str, name: str, plan: shard_writer.Plan, output: str | os.PathLike, options: object
) -> None:
    if found := {each for each in remote.names(output) if not each.startswith((".", "images-"))}:
        raise ValueError(f"{output} is not empty: it holds {min(found)}. Name a new folder.")
    job = remote.join(output, JOB)
    digest = hashlib.sha256(to_bytes("\n".join(plan.paths))).hexdigest()
    beam.open_job(
        job,
        {"source": name, "images": digest, "format": plan.data_format, "shards": plan.shards},
    )
    work = _Shards(source, plan, str(output), job)
    beam.run_shards(work, plan.shards, job, options, {"images": len(plan.paths)})
    facts = remote.read_all(job, [work.facts_name(shard) for shard in range(plan.shards)])
    shard_writer.write_index(plan, [json.loads(each) for each in facts], output, source=name)
    remote.remove_folder(job)


@dataclasses.dataclass(frozen=True)
class _Shards:
    """Writes one shard; travels to the workers of a Beam runner."""

    source: str
    plan: shard_writer.Plan
    output: str
    job: str

    @staticmethod
    def facts_name(shard: int) -> str:
        return f"shard-{shard:05d}.json"

    def __call__(self, shard: int) -> dict[str, int]:
        facts = shard_writer.write_shard(_opened(self.source), self.plan, shard, self.output)
        remote.write_text(remote.join(self.job, self.facts_name(shard)), json.dumps(facts))
        return {"images": facts["examples"], "bytes": facts["bytes"]}


# A worker writes many shards, and some readers take a while to open.
_opened = functools.lru_cache(maxsize=1)(base.open_reader)
