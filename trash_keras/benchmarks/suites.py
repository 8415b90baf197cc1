"""The suites: which there are, and how they are run and written."""

import dataclasses
import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trash_keras.benchmarks import results, turns
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case
from trash_keras.evaluation import benchmark
from trash_keras.storage import local

ROUNDS = 3
JSON, TABLE = "benchmark.json", "benchmark.md"


def cases(settings: Settings, suite: str) -> Iterator[Case]:
    """Yields the cases of a suite; without `peers`, only those that need no further package."""
    module = importlib.import_module(f"trash_keras.benchmarks.{suite}_suite")
    for case in module.cases(settings):
        peers = tuple(peer for peer in case.peers if settings.peers or not peer.needs)
        if peers:
            yield dataclasses.replace(case, peers=peers)


def run(settings: Settings, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measures suites, case after case.

    Args:
        settings: What to measure, in its folder.
        rounds: Turns of each contender.

    Returns:
        The content of `benchmark.json`: `suites`, `rounds`, `machine` with the `load` at the start
        (processes that wanted a core, mean of a minute), `versions`, `rows` of `results.rows`, and
        `not_run` of `results.not_run`.
    """
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    result: dict[str, Any] = {
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
        ValueError: Something of this package failed; the others are measured and written first.
    """
    local.sweep(output, below=False)  # what a killed call drew
    Path(output).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".benchmark-", suffix=".tmp") as folder:
        result = run(dataclasses.replace(settings, folder=Path(folder)), rounds or ROUNDS)
    text = results.tables(result)
    local.write_json(Path(output) / JSON, result)
    local.write_text(Path(output) / TABLE, text)
    if failed := [one for one in result["not_run"] if one["is_ours"]]:
        raise ValueError(
            f"{len(failed)} of this package failed, see {Path(output) / TABLE}: "
            f"{failed[0]['case']}, {failed[0]['peer']}: {failed[0]['why']}"
        )
    return text
