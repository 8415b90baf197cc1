"""Recall on subsets of the images apart: those of one source, one camera, one doubt."""

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.metrics.intervals import wilson_interval
from trash_keras.metrics.predictions import Predictions

COLUMN = "subset"
OTHERS = "(not listed)"  # the images that the file does not name


def load(named: str, paths: Sequence[str]) -> dict[str, str]:
    """Reads which image belongs to which subset.

    Args:
        named: CSV file with the columns `file` and `subset`, or FILE.csv:COLUMN for another column
            than `subset`; empty for no subsets. A file is a path in the data folder, or its last
            part where one image alone is called so.
        paths: All images, relative to the data folder.

    Returns:
        Path -> subset, `OTHERS` for images that are not named; empty when there are no subsets.

    Raises:
        ValueError: There is no such file or column, it names a file twice or none of the
            images, or two images have the same last part.
    """
    if not named:
        return {}
    subset_of = _read(named)
    last_parts = Counter(_last(path) for path in paths)
    found = {}
    for path in paths:
        last = _last(path)
        if path not in subset_of and last in subset_of and last_parts[last] > 1:
            raise ValueError(
                f"--slices names {last}, but {last_parts[last]} images are called that. Write "
                f"paths in the data folder, as in {path}."
            )
        found[path] = subset_of.get(path) or subset_of.get(last) or OTHERS
    if set(found.values()) == {OTHERS}:
        raise ValueError(
            f"--slices names {next(iter(subset_of))} and others, but none of the {len(paths)} "
            f"images. A file is a path in the data folder, as in {paths[0]}, or its last part."
        )
    return found


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _read(named: str) -> dict[str, str]:
    path, _, column = named.rpartition(":")
    if not path or Path(named).exists():
        path, column = named, COLUMN
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"No usable --slices at {path}: {error}") from error
    if not {"file", column} <= set(columns) or not rows:
        raise ValueError(
            f"--slices needs a CSV file with the columns file and {column}, and rows. "
            f"{path} has {len(rows)} rows and the columns: {', '.join(columns) or 'none'}."
        )
    twice = [file for file, count in Counter(row["file"] for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"{path} names {twice[0]} more than once.")
    return {row["file"]: row[column] for row in rows}


def slice_metrics(
    predictions: Predictions, subset_of: Mapping[str, str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores each subset by itself.

    Args:
        predictions: Predictions for the images of a split.
        subset_of: Path -> subset, from `load`.

    Returns:
        Subset -> class name -> `recall` (0 to 1), its Wilson 95% `interval`, and `support`, the
        images; of the classes that have any in the subset.
    """
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    given: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for path, label, is_right in zip(predictions.paths, predictions.labels, right, strict=True):
        given[subset_of[path], int(label)].append(bool(is_right))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (subset, label), correct in sorted(given.items()):
        found.setdefault(subset, {})[predictions.class_names[label]] = {
            "recall": sum(correct) / len(correct),
            "interval": wilson_interval(sum(correct), len(correct)),
            "support": len(correct),
        }
    return found
