"""Any source of pictures -> a folder of shards; one process or an Apache Beam job does the work.

Each shard is a part of a job (`jobs.py`), so that work which was cut short continues where it
stopped, and runs side by side on as many machines as read the source and write the folder.
"""

import dataclasses
import functools
import hashlib
import json
import os
from pathlib import Path

from trash_keras import files, jobs, storage
from trash_keras.data import record_store, records, stores
from trash_keras.data.sources import preparing, remotes

JOB = ".job"  # in the folder of shards, until they are finished
PICTURES = ".pictures"  # in there too: class folders, where the source is no store by itself


@dataclasses.dataclass(frozen=True)
class Layout:
    """What shards are wanted.

    Attributes:
        data_format: tfrecord or array_record.
        shards: The least number of shards.
        megabytes: Most pictures in one shard, 10^6 bytes.
        runner: One of `jobs.RUNNERS`, or empty for this process alone.
        runner_options: Beam's own options.
    """

    data_format: str
    shards: int
    megabytes: float
    runner: str = ""
    runner_options: str = ""


def prepare(
    request: preparing.Request, output: str | os.PathLike, layout: Layout
) -> preparing.Prepared:
    """Brings pictures into shards; the same call again goes on, or does nothing.

    Args:
        request: Where the pictures come from; also `tfds:NAME`.
        output: Folder of the shards: on disk, or with tfrecord in an object store.
        layout: What shards are wanted.

    Returns:
        The pictures by class.

    Raises:
        ValueError: The source or the layout is refused, or `output` holds something else.
        OSError: The source cannot be read, or a shard cannot be written.
        ImportError: The client of the source, or Apache Beam, is not installed.
    """
    options = jobs.pipeline_options(layout.runner, layout.runner_options) if layout.runner else None
    already = storage.exists(storage.join(output, records.INDEX))
    if not already:
        source = _as_store(request, output)
        store = stores.open_store(source)
        plan = records.plan(store, layout.data_format, layout.shards, layout.megabytes)
        _write(source, request.name, plan, output, options)
        files.remove(Path(output) / PICTURES)
    index = json.loads(storage.read_bytes(storage.join(output, records.INDEX)))
    if index["source"] != request.name:
        raise ValueError(
            f"{output} holds the shards of {index['source']}. Name another folder for "
            f"{request.name}."
        )
    members = record_store.by_class(index["paths"])
    return preparing.Prepared({name: len(paths) for name, paths in members.items()}, already)


def _as_store(request: preparing.Request, output: str | os.PathLike) -> str:
    """Returns what `stores.open_store` reads: the source itself, or class folders made of it."""
    source = request.source
    if source.startswith(stores.TFDS_PREFIX) or _is_remote_folder(source):
        return source
    if Path(source).expanduser().is_dir():
        return str(Path(source).expanduser().resolve())
    if storage.is_url(output):
        raise ValueError(
            f"{source} must be unpacked before it is written to {output}. Prepare it without "
            "--shards first, and name that folder as --source."
        )
    pictures = Path(output) / PICTURES
    preparing.prepare(request, pictures)
    return str(pictures)


def _is_remote_folder(source: str) -> bool:
    if not storage.is_url(source):
        return False
    return remotes.connect(source).info()["type"] == "directory"


def _write(
    source: str, name: str, plan: records.Plan, output: str | os.PathLike, options: object
) -> None:
    if others := {
        each for each in storage.names(output) if not each.startswith((".", "pictures-"))
    }:
        raise ValueError(f"{output} is not empty: it holds {min(others)}. Name a new folder.")
    job = storage.join(output, JOB)
    digest = hashlib.sha256("\n".join(plan.paths).encode()).hexdigest()
    jobs.claim(
        job,
        {"source": name, "pictures": digest, "format": plan.data_format, "shards": plan.shards},
    )
    work = _Shards(source, plan, str(output), job)
    jobs.run_parts(work, plan.shards, job, options, {"pictures": len(plan.paths)})
    facts = storage.read_all(job, [work.facts_name(shard) for shard in range(plan.shards)])
    records.write_index(plan, [json.loads(each) for each in facts], output, source=name)
    storage.remove_folder(job)


@dataclasses.dataclass(frozen=True)
class _Shards:
    """Writes one shard; travels to the workers of a Beam runner."""

    source: str
    plan: records.Plan
    output: str
    job: str

    @staticmethod
    def facts_name(shard: int) -> str:
        return f"shard-{shard:05d}.json"

    def __call__(self, shard: int) -> dict[str, int]:
        facts = records.write_shard(_opened(self.source), self.plan, shard, self.output)
        storage.write_text(storage.join(self.job, self.facts_name(shard)), json.dumps(facts))
        return {"pictures": facts["examples"], "bytes": facts["bytes"]}


# A worker writes many shards, and some stores take a while to open.
_opened = functools.lru_cache(maxsize=1)(stores.open_store)
