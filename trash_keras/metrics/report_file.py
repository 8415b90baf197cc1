"""The JSON files of a run: how report.json and export.json are read, and titles for their keys."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from trash_keras.data.catalog import SPLITS, WHOLE
from trash_keras.storage import checksums, text_files

# The splits in the order of a page, and what their images are called.
SPLIT_TITLES = dict(
    zip((*SPLITS, WHOLE), ("training", "validation", "test", "scored"), strict=True)
)


def read_report(folder: str | os.PathLike) -> dict[str, Any]:
    """Reads the report of a run or of an evaluation.

    Args:
        folder: Folder with `report.json`.

    Raises:
        ValueError: There is none, or it is damaged.
    """
    path = Path(folder) / "report.json"
    report = read_object(path)
    if not report:
        raise ValueError(f"There is no {path}: train first, or name the folder of a finished run.")
    return report


def backbone(model: Mapping[str, Any]) -> str:
    """Returns the name of the backbone, or of the file, that a run started from.

    Args:
        model: The section `model` of a report's `config`.
    """
    return PurePath(model.get("init") or model["backbone"]).name


def read_export(workdir: str | os.PathLike) -> dict[str, Any]:
    """Reads what a run exported.

    Args:
        workdir: Folder of the run.

    Returns:
        The content of `export/export.json`, with `kinds` (format -> facts); empty before an export.

    Raises:
        ValueError: The file is damaged.
    """
    path = Path(workdir) / "export" / "export.json"
    if not path.exists():
        return {}
    exported = read_object(path)
    formats = exported.get("kinds")
    if not isinstance(formats, dict) or not all(isinstance(row, dict) for row in formats.values()):
        raise ValueError(f"{path} is damaged: it has no table of formats.")
    return exported


def read_object(path: str | os.PathLike) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: File to read.

    Returns:
        Its content; empty when there is no such file.

    Raises:
        ValueError: The file is damaged, or holds something else.
    """
    checksums.require(path)
    try:
        content = text_files.from_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds no object.")
    return content


def main_split(report: Mapping[str, Any]) -> str:
    """Returns the split that a model is judged by: test, or the last that was scored.

    Raises:
        ValueError: The report has no split.
    """
    names = [name for name in SPLIT_TITLES if name in report]
    if not names:
        raise ValueError(f"Expected a report with one of the splits {', '.join(SPLIT_TITLES)}.")
    return "test" if "test" in names else names[-1]


def threads_title(key: str) -> str:
    """Returns what a key of a latency means: `threads_1` is 1 thread, and so on."""
    count = key.removeprefix("threads_")
    return "1 thread" if count == "1" else f"{count} threads"
