"""Long work in numbered shards that continues where it was stopped, here or as a Beam pipeline.

What lies in the folder of a job:

    job.json        what the job is, written first; another job is refused in the same folder
    parts/N.json    what shard N counted, written when all of shard N is written
    summary.json    the sums of these counts, written when every shard is done

A shard is done when its file in parts/ stands. One that was cut short, or that a runner does
twice, is done again and replaces its files. So the result holds each shard exactly once.

Nothing here imports TensorFlow, and Beam only when a job is run.
"""

import contextlib
import functools
import io
import json
import logging
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trash_keras.host import cores
from trash_keras.storage import local, remote

Work = Callable[[int], Mapping[str, int]]

# Beam caps pillow below the version that is safe, and decodes no image itself.
NEEDED = (
    "Jobs need Apache Beam, which is not installed. In an environment of its own, in a clone of "
    "trash_keras: pip install '.[train,beam]' && pip install --no-deps 'apache-beam==2.77.*'"
)
RUNNERS = ("DirectRunner", "DataflowRunner", "FlinkRunner", "PortableRunner")
# Beam's DirectRunner first tries a program that it downloads. This is its fallback, which is in
# the package.
_LOCAL_RUNNER = "FnApiRunner"
# Threads share the memory, and each holds a shard, so their number has a bound.
_LOCAL_THREADS = min(cores.available(), 8)
_LOCAL_OPTIONS = ("--direct_running_mode=multi_threading", f"--direct_num_workers={_LOCAL_THREADS}")
_RECORD = re.compile(r"(\d+)\.json")


class ShardError(Exception):
    """A shard could not be done, for a reason that the user can remove, such as a full disk."""


def open_job(output: str | os.PathLike, description: Mapping[str, Any]) -> None:
    """Makes `output` the folder of this job, where it is not already.

    Args:
        output: Folder of the job; a path or an address like gs://BUCKET/FOLDER.
        description: Everything that decides the result, as plain JSON values.

    Raises:
        ValueError: The folder holds another job, or other files.
    """
    path = remote.join(output, "job.json")
    try:
        before = json.loads(remote.read_bytes(path))
    except FileNotFoundError:
        if any(not name.startswith(".") for name in remote.names(output)):
            raise ValueError(
                f"{output} is not empty and holds no job. Name a folder that is new or empty."
            ) from None
        remote.write_text(path, json.dumps(description, indent=2) + "\n")
        return
    changed = [
        f"{key} is {_short(description.get(key))} and was {_short(before.get(key))}"
        for key in {**before, **description}
        if before.get(key) != description.get(key)
    ]
    if changed:
        raise ValueError(
            f"{output} holds another job: {', '.join(changed)}. Start it with what it was started "
            "with to continue it, or name another folder."
        )


def pipeline_options(runner: str, text: str = "") -> Any:
    """Parses where and how a pipeline runs.

    Args:
        runner: One of `RUNNERS`.
        text: Beam pipeline options as on a command line: "--project=... --region=...".

    Returns:
        `apache_beam.options.pipeline_options.PipelineOptions`.

    Raises:
        ImportError: Apache Beam is not installed.
        ValueError: Unknown runner or options.
    """
    if runner not in RUNNERS:
        raise ValueError(f"The runner must be one of {', '.join(RUNNERS)}. Received: {runner}")
    is_local = runner == "DirectRunner"
    arguments = [f"--runner={_LOCAL_RUNNER if is_local else runner}"]
    arguments += [*(_LOCAL_OPTIONS if is_local else ()), *shlex.split(text)]
    complaints = io.StringIO()
    logging.disable(logging.WARNING)  # Beam notes at import which parts of it are not installed
    try:
        from apache_beam.options.pipeline_options import PipelineOptions

        options = PipelineOptions(arguments)
        with contextlib.redirect_stderr(complaints):
            known = options.get_all_options()
            unknown = options.get_all_options(retain_unknown_options=True).keys() - known.keys()
    except ImportError as error:
        raise ImportError(NEEDED) from error
    except SystemExit as error:  # of argparse
        reason = complaints.getvalue().strip().splitlines()[-1].split("error: ")[-1]
        raise ValueError(f"Beam does not take the options {text}: {reason}") from error
    finally:
        logging.disable(logging.NOTSET)
    # The server behind a portable runner may know more options than Beam does here.
    if unknown and runner in ("DirectRunner", "DataflowRunner"):
        names = ", ".join(f"--{name}" for name in sorted(unknown))
        raise ValueError(f"Beam has no option {names} for {runner}. Received: {text}")
    return options


def run_shards(
    work: Work,
    shards: int,
    output: str | os.PathLike,
    options: Any,
    expected: Mapping[str, int],
) -> dict[str, int]:
    """Does the shards of a job that are not done yet, with a progress bar.

    Args:
        work: Does shard `number`: writes its files under names that depend on the number alone,
            each whole or not at all, and returns what it counted. Must be picklable; may run in
            several threads, processes and machines at once.
        shards: Number of shards; they are 0 ... shards - 1.
        output: Folder of the job, after `open_job`.
        options: Where it runs, from `pipeline_options`; None for this process, shard after shard.
        expected: Counts that all shards together must give.

    Returns:
        What `summary.json` holds: the number of shards (`parts`) and the sums of all counts.

    Raises:
        OSError: A shard could not be done; those that are done stay so.
        RuntimeError: The counts are not those expected.
    """
    done = _done(output)
    left = [number for number in range(shards) if number not in done]
    if left:
        with _progress(output, shards, len(done)):
            do_shard = functools.partial(_do_shard, work, str(output))
            if options is None:
                _run_here(do_shard, left)
            else:
                _run_pipeline(do_shard, left, options)
    records = remote.read_all(
        remote.join(output, "parts"), [_record(number) for number in range(shards)]
    )
    sums: dict[str, int] = {}
    for record in map(json.loads, records):
        for name, count in record.items():
            sums[name] = sums.get(name, 0) + count
    if wrong := {name: sums.get(name) for name in expected if sums.get(name) != expected[name]}:
        raise RuntimeError(f"The job in {output} counts {wrong} instead of {dict(expected)}.")
    summary = {"parts": shards, **sums}
    remote.write_text(remote.join(output, "summary.json"), json.dumps(summary, indent=2) + "\n")
    _sweep(output)
    return summary


def _do_shard(work: Work, output: str, number: int) -> None:
    """Does a shard on a worker, and notes that it is done."""
    try:
        counts = dict(work(number))
        record = remote.join(remote.join(output, "parts"), _record(number))
        remote.write_text(record, json.dumps(counts) + "\n")
    except (OSError, ValueError, ImportError) as error:
        raise ShardError(f"shard {number}: {error}") from error


def _run_here(do_shard: Callable[[int], None], left: list[int]) -> None:
    try:
        for number in left:
            do_shard(number)
    except ShardError as error:
        raise OSError(_stopped(str(error))) from error


def _stopped(reason: str) -> str:
    return f"The job stopped at {reason}. What is done is kept: the same command continues."


def _run_pipeline(do_shard: Callable[[int], None], left: list[int], options: Any) -> None:
    import apache_beam

    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what fails is raised below
    pipeline = apache_beam.Pipeline(options=options)
    (
        pipeline
        | "Shards" >> apache_beam.Create(left)
        # Without this, all shards stay with `Create` on one worker.
        | "Spread" >> apache_beam.Reshuffle()
        | "Work" >> apache_beam.Map(do_shard)
    )
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        # Some runners raise the worker's error, most their own with the worker's in its text.
        text = f"{type(error).__name__}: {error}".strip()
        found = re.search(r"ShardError: (.*?)(?: \[while running|$)", text, re.MULTILINE)
        if found:
            raise OSError(_stopped(found[1])) from error
        if options.get_all_options()["runner"] == _LOCAL_RUNNER:
            raise  # a defect
        raise OSError(f"Beam's runner failed: {text.splitlines()[-1]}") from error


@contextlib.contextmanager
def _progress(output: str | os.PathLike, shards: int, done: int) -> Iterator[None]:
    """Counts the files in parts/, wherever the shards are done."""
    from tqdm import tqdm  # here, since `cli.launch` sets its defaults before

    interval = 10 if remote.is_url(output) else 0.5  # seconds
    finished = threading.Event()

    def watch() -> None:
        waiting = True
        while waiting:
            waiting = not finished.wait(interval)
            if new := len(_done(output)) - progress.n:
                progress.update(new)

    with tqdm(total=shards, initial=done, desc="Shards", unit="shard") as progress:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()


def _record(number: int) -> str:
    return f"{number:05d}.json"


def _done(output: str | os.PathLike) -> set[int]:
    found = map(_RECORD.fullmatch, remote.names(remote.join(output, "parts")))
    return {int(match[1]) for match in found if match}


def _sweep(output: str | os.PathLike) -> None:
    """Removes half-written files of killed workers."""
    if not remote.is_url(output):
        for folder in (Path(output), Path(output) / "parts"):
            for leftover in folder.glob(".*.tmp"):
                local.remove(leftover)


def _short(value: Any) -> str:
    return "not set" if value is None else str(value)[:12]
