"""Long work in numbered parts that continues where it was stopped, here or as a Beam pipeline.

What lies in the folder of a job:

    job.json        what the job is, written first; another job is refused in the same folder
    parts/N.json    what part N counted, written when all of part N is written
    summary.json    the sums of these counts, written when every part is done

A part is done when its record stands. A part that was cut short, or that a runner does twice, is
done again and puts its files in the place of those that stood there; so whatever happens, the
result holds each part exactly once.

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

from trash_keras.storage import local, remote

Work = Callable[[int], Mapping[str, int]]

RUNNERS = ("DirectRunner", "DataflowRunner", "FlinkRunner", "PortableRunner")
# What Beam calls DirectRunner first tries a program that it downloads. This is the runner that it
# falls back to, which is in the package.
_LOCAL_RUNNER = "FnApiRunner"
# Threads share the work's memory; each holds a part, so their number has a bound.
_LOCAL_THREADS = min(os.cpu_count() or 1, 8)
_LOCAL_OPTIONS = ("--direct_running_mode=multi_threading", f"--direct_num_workers={_LOCAL_THREADS}")
_RECORD = re.compile(r"(\d+)\.json")


class PartError(Exception):
    """A part could not be done, for a reason that its user can remove (a full disk, say)."""


def open_job(output: str | os.PathLike, description: Mapping[str, Any]) -> None:
    """Makes `output` the folder of this job, or finds that it is already.

    Args:
        output: Folder of the job; a path or an address like gs://BUCKET/FOLDER.
        description: Everything that decides the result, as plain JSON values.

    Raises:
        ValueError: The folder holds another job, or files that are none.
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
    """Reads what says where and how a pipeline runs.

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
        raise ImportError(
            "Jobs need Apache Beam, which is not installed: pip install 'trash-keras[beam]'"
        ) from error
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
    parts: int,
    output: str | os.PathLike,
    options: Any,
    expected: Mapping[str, int],
) -> dict[str, int]:
    """Does the parts of a job that are not done yet, with a progress bar.

    Args:
        work: Does part `number`: writes its files to places that depend on the number alone, each
            whole or not at all, and returns what it counted. Must be picklable, may run in
            several threads, processes and machines at once.
        parts: Number of parts; they are 0 ... parts - 1.
        output: Folder of the job, after `claim`.
        options: Where it runs, from `pipeline_options`; None for this process, part after part.
        expected: Counts that must come out over all parts.

    Returns:
        What `summary.json` holds: the number of parts and the sums of all counts.

    Raises:
        OSError: A part could not be done; those that are done stay so.
        RuntimeError: The counts are not those expected.
    """
    done = _done(output)
    left = [number for number in range(parts) if number not in done]
    if left:
        with _progress(output, parts, len(done)):
            do_part = functools.partial(_do_part, work, str(output))
            if options is None:
                _run_here(do_part, left)
            else:
                _run_pipeline(do_part, left, options)
    records = remote.read_all(
        remote.join(output, "parts"), [_record(number) for number in range(parts)]
    )
    sums: dict[str, int] = {}
    for record in map(json.loads, records):
        for name, count in record.items():
            sums[name] = sums.get(name, 0) + count
    if wrong := {name: sums.get(name) for name in expected if sums.get(name) != expected[name]}:
        raise RuntimeError(f"The job in {output} counts {wrong} instead of {dict(expected)}.")
    summary = {"parts": parts, **sums}
    remote.write_text(remote.join(output, "summary.json"), json.dumps(summary, indent=2) + "\n")
    _sweep(output)
    return summary


def _do_part(work: Work, output: str, number: int) -> None:
    """What a worker does with a part."""
    try:
        counts = dict(work(number))
        record = remote.join(remote.join(output, "parts"), _record(number))
        remote.write_text(record, json.dumps(counts) + "\n")
    except (OSError, ValueError, ImportError) as error:
        raise PartError(f"part {number}: {error}") from error


def _run_here(do_part: Callable[[int], None], left: list[int]) -> None:
    try:
        for number in left:
            do_part(number)
    except PartError as error:
        raise OSError(_stopped(str(error))) from error


def _stopped(reason: str) -> str:
    return f"The job stopped at {reason}. What is done is kept: the same command continues."


def _run_pipeline(do_part: Callable[[int], None], left: list[int], options: Any) -> None:
    import apache_beam

    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what fails is raised below
    pipeline = apache_beam.Pipeline(options=options)
    (
        pipeline
        | "Parts" >> apache_beam.Create(left)
        # Without this, the parts stay together with `Create` on one worker.
        | "Spread" >> apache_beam.Reshuffle()
        | "Work" >> apache_beam.Map(do_part)
    )
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        # Some runners raise what the worker raised, most one of their own with that in its text.
        text = f"{type(error).__name__}: {error}".strip()
        found = re.search(r"PartError: (.*?)(?: \[while running|$)", text, re.MULTILINE)
        if found:
            raise OSError(_stopped(found[1])) from error
        if options.get_all_options()["runner"] == _LOCAL_RUNNER:
            raise  # a defect
        raise OSError(f"Beam's runner failed: {text.splitlines()[-1]}") from error


@contextlib.contextmanager
def _progress(output: str | os.PathLike, parts: int, done: int) -> Iterator[None]:
    """Counts the records that stand, which works whatever machine writes them."""
    from tqdm import tqdm  # here, since `flags.run` sets its defaults before

    interval = 10 if remote.is_url(output) else 0.5  # seconds
    finished = threading.Event()

    def watch() -> None:
        waiting = True
        while waiting:
            waiting = not finished.wait(interval)
            if new := len(_done(output)) - progress.n:
                progress.update(new)

    with tqdm(total=parts, initial=done, desc="Parts", unit="part") as progress:
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
    """Removes what killed workers left half written."""
    if not remote.is_url(output):
        for folder in (Path(output), Path(output) / "parts"):
            for leftover in folder.glob(".*.tmp"):
                local.remove(leftover)


def _short(value: Any) -> str:
    return "not set" if value is None else str(value)[:12]
