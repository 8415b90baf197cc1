"""The suites: which there are, and how they are run and written."""

import dataclasses
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trash_keras.benchmarks import results, turns
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case
from trash_keras.evaluation import benchmark
from trash_keras.storage import local, locks

ROUNDS = 3
JSON, TABLE = "benchmark.json", "benchmark.md"


def cases(settings: Settings, suite: str) -> Iterator[Case]:
    """Yields the cases of a suite; without `peers`, only those that need no further package."""
    module = importlib.import_module(f"trash_keras.benchmarks.{suite}_suite")
    for case in module.cases(settings):
        peers = tuple(peer for peer in case.peers if settings.peers or not peer.needs)
        if peers:
            yield dataclasses.replace(case, peers=peers)


def run(
    settings: Settings, rounds: int, write: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Measures suites, case after case.

    Args:
        settings: What to measure, in its folder.
        rounds: Turns of each contender.
        write: Called with what is returned after each case, so that a kill loses only one.

    Returns:
        The content of `benchmark.json`: whether it is `complete`, `suites`, `rounds`, `machine`
        with the `load` at the start (processes that wanted a core, mean of a minute), `versions`,
        `rows` of `results.rows`, and `not_run` of `results.not_run`.
    """
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    result: dict[str, Any] = {
        "complete": False,
        "suites": list(settings.suites),
        "rounds": rounds,
        "machine": benchmark.machine() | {"load": load},
        "versions": results.versions(),
        "rows": [],
        "not_run": [],
    }
    for suite in settings.suites:
        for case in cases(settings, suite):
            measured = turns.measure(case, rounds)
            result["rows"] += results.rows(case, measured)
            result["not_run"] += results.not_run(case, measured)
            write(result)
    result["complete"] = True
    write(result)
    return result


def run_and_write(settings: Settings, rounds: int | None, output: str | os.PathLike) -> str:
    """Runs suites in a temporary folder inside `output`; writes `JSON` and `TABLE` there.

    Args:
        settings: What to measure; its folder is replaced.
        rounds: Turns of each contender; None for `ROUNDS`.
        output: Folder, made where it is missing.

    Returns:
        The tables.

    Raises:
        ValueError: Another process is at work in the folder, or something of this package failed;
            the others are measured and written first.
    """

    def write(result: Mapping[str, Any]) -> None:
        local.write_json(Path(output) / JSON, result)
        local.write_text(Path(output) / TABLE, results.tables(result))

    with (
        locks.hold("output", output),
        tempfile.TemporaryDirectory(dir=output, prefix=".benchmark-", suffix=".tmp") as folder,
    ):
        settings = dataclasses.replace(settings, folder=Path(folder))
        result = run(settings, rounds or ROUNDS, write)
    if failed := [one for one in result["not_run"] if one["is_ours"]]:
        raise ValueError(
            f"{len(failed)} of this package failed, see {Path(output) / TABLE}: "
            f"{failed[0]['case']}, {failed[0]['peer']}: {failed[0]['why']}"
        )
    return results.tables(result)
