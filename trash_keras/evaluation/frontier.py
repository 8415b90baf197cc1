"""What accuracy costs: exported files of several runs by accuracy, size and time a picture."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.evaluation import comparison, markdown
from trash_keras.metrics import report_file

KINDS = ("float32", "float16", "dynamic", "int8")  # what phones take
# What a file costs, and how tables and axes call it.
COSTS = {"megabytes": "Size, MB", "milliseconds": "Median time a picture, one thread, ms"}


def read(
    folders: Sequence[str | os.PathLike], kinds: Sequence[str] = KINDS
) -> list[dict[str, Any]]:
    """Reads what the exported files of some runs are worth.

    Args:
        folders: Workdirs of runs that were exported with accuracy and latency.
        kinds: Which of their files to take; a run need not have them all.

    Returns:
        For each file `run`, `kind`, `accuracy` with `accuracy_interval` (0 to 1, test split,
        through the file's own runtime), `megabytes` (10^6 bytes), `milliseconds` (median of one
        picture on one thread), and `frontier`, the costs by which no other file is as good and
        cheaper.

    Raises:
        ValueError: No folder, one twice, one without such an export, or a file that was not
            scored or timed.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if not paths or len({*paths}) < len(paths):
        received = ", ".join(map(str, folders)) or "none"
        raise ValueError(f"Name at least one run, and each once. Received: {received}.")
    names = comparison.short_names(paths)
    points = [
        {"run": name, **point}
        for name, path in zip(names, paths, strict=True)
        for point in _points(path, kinds)
    ]
    for point in points:
        point["frontier"] = [cost for cost in COSTS if not _beaten(point, points, cost)]
    return points


def _points(path: Path, kinds: Sequence[str]) -> list[dict[str, Any]]:
    command = f"trash-keras export --workdir={path} --kinds={','.join(kinds)}"
    found = report_file.read_export(path).get("kinds")
    if found is None:
        raise ValueError(f"{path} has no export/export.json. Export it first: {command}")
    chosen = {kind: found[kind] for kind in kinds if kind in found}
    if not chosen:
        raise ValueError(
            f"{path} has none of the kinds {', '.join(kinds)}, but {', '.join(found) or 'none'}. "
            f"Export one: {command}"
        )
    return [_point(path, kind, facts, command) for kind, facts in chosen.items()]


def _point(path: Path, kind: str, facts: Mapping[str, Any], command: str) -> dict[str, Any]:
    try:
        return {
            "kind": kind,
            "accuracy": facts["accuracy"],
            "accuracy_interval": facts["accuracy_interval"],
            "megabytes": facts["bytes"] / 1e6,
            "milliseconds": facts["latency"]["threads_1"]["p50_ms"],
        }
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"The {kind} file of {path} lacks figures: no {error} in export.json. "
            f"Export it again: {command}"
        ) from error


def _beaten(point: Mapping[str, Any], points: Sequence[Mapping[str, Any]], cost: str) -> bool:
    return any(
        (other["accuracy"] >= point["accuracy"] and other[cost] < point[cost])
        or (other["accuracy"] > point["accuracy"] and other[cost] <= point[cost])
        for other in points
    )


def read_teacher(folder: str | os.PathLike) -> dict[str, Any]:
    """Returns `run`, `accuracy` and `accuracy_interval` of the run that taught, on its test split.

    Raises:
        ValueError: There is no report of a test split.
    """
    report = report_file.read_report(folder)
    if "test" not in report:
        raise ValueError(f"The report of {folder} has no test split.")
    scores = report["test"]
    return {
        "run": Path(folder).resolve().name,
        "accuracy": scores["accuracy"],
        "accuracy_interval": scores["accuracy_interval"],
    }


def table(points: Sequence[Mapping[str, Any]], teacher: Mapping[str, Any] | None = None) -> str:
    """Returns the files as a Markdown table, by size; those of a frontier are marked with a star.

    Args:
        points: From `read`.
        teacher: From `read_teacher`; adds its row, and how far each file stays behind it.
    """
    heading = ["run", "kind", "accuracy", "95% interval", "MB", "ms"]
    ordered = sorted(points, key=lambda point: point["megabytes"])
    rows = [_row(point) for point in ordered]
    if teacher:
        heading.append("points from the teacher")
        for row, point in zip(rows, ordered, strict=True):
            row.append(f"{100 * (point['accuracy'] - teacher['accuracy']):+.1f}")
        name = markdown.plain(teacher["run"])
        rows.append([name, "the teacher", *_accuracy(teacher), "", "", ""])
    return markdown.table(heading, rows, left=2)


def _row(point: Mapping[str, Any]) -> list[str]:
    stars = {cost: " *" if cost in point["frontier"] else "" for cost in COSTS}
    return [
        markdown.plain(point["run"]),
        point["kind"],
        *_accuracy(point),
        f"{point['megabytes']:.2f}{stars['megabytes']}",
        f"{point['milliseconds']:.1f}{stars['milliseconds']}",
    ]


def _accuracy(scores: Mapping[str, Any]) -> list[str]:
    low, high = scores["accuracy_interval"]
    return [f"{scores['accuracy']:.1%}", f"{low:.1%} to {high:.1%}"]
