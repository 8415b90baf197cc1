"""Slices: recall on some of the images apart, such as those of one source or one camera."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.data import file_roles
from trash_keras.metadata import is_unsure
from trash_keras.metrics import selective
from trash_keras.metrics.intervals import wilson_interval
from trash_keras.metrics.predictions import Predictions
from trash_keras.storage import text_files
from trash_keras.storage.names import is_plain, key, printable

COLUMN = "subset"
NOT_LISTED = "(not listed)"  # the slice of images that the file does not name


def load(named: str, paths: Sequence[str]) -> dict[str, str]:
    """Reads which image belongs to which slice.

    Args:
        named: CSV file with the columns `file` and `subset`, or FILE.csv:COLUMN for another column
            than `subset`; empty for no slices. A file is a path in the data folder, or its last
            part where only one image has that name.
        paths: All images, relative to the data folder.

    Returns:
        Path -> slice, `NOT_LISTED` for images that are not named; empty when there are no slices.

    Raises:
        ValueError: There is no such file or column, it names a file twice or none of the
            images, or two images have the same last part.
    """
    if not named:
        return {}
    slice_of = _read(named)
    count_of = Counter(_file_name(key(path)) for path in paths)
    _require_utf8(named, slice_of, {*count_of, *map(key, paths)})
    found = {}
    for given in paths:
        path = key(given)
        name = _file_name(path)
        if path not in slice_of and name in slice_of and count_of[name] > 1:
            raise ValueError(
                f"--slices names {name}, but {count_of[name]} images are called that. Write "
                f"paths in the data folder, as in {path}."
            )
        found[given] = slice_of.get(path) or slice_of.get(name) or NOT_LISTED
    if set(found.values()) == {NOT_LISTED}:
        raise ValueError(
            f"--slices names {next(iter(slice_of))} and more, but none of the {len(paths)} "
            f"images. A file is a path in the data folder, as in {paths[0]}, or its last part."
        )
    return found


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _read(named: str) -> dict[str, str]:
    path, _, column = named.rpartition(":")
    if not path or Path(named).exists():
        path, column = named, COLUMN
    file_roles.require("slices", path)
    try:
        text, delimiter = _table(path)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        # Excel writes empty rows, too.
        rows = [row for row in reader if any(row.values())]
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"No usable --slices at {path}: {error}") from error
    if not {"file", column} <= set(columns) or not rows:
        raise ValueError(
            f"--slices needs a CSV file with the columns file and {column}, and rows. "
            f"{path} has {len(rows)} rows and the columns: {', '.join(columns) or 'none'}."
        )
    twice = [file for file, count in Counter(key(row["file"]) for row in rows).items() if count > 1]
    if twice:
        raise ValueError(f"{path} names {twice[0]} more than once.")
    return {key(row["file"]): row[column] for row in rows}


def _table(path: str) -> tuple[str, str]:
    """Returns a CSV text and what separates its cells: Excel takes that from the country."""
    text = text_files.read(path, errors="surrogateescape", newline="")
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.rstrip("\r")) == 5:  # a line for Excel alone
        return rest, first[4]
    return text, max(",;\t", key=first.count)


def _require_utf8(named: str, slice_of: Mapping[str, str], known: Collection[str]) -> None:
    """Refuses text that is not UTF-8, but for the names of images that are not."""
    for file, name in slice_of.items():
        if not is_plain(name or "") or not (is_plain(file) or file in known):
            raise ValueError(
                f"--slices={named} is not UTF-8 text: {printable(f'{file}, {name}')}. Save it as "
                "CSV UTF-8."
            )


def totals(
    predictions: Predictions, slice_of: Mapping[str, str], threshold: float
) -> dict[str, dict[str, Any]]:
    """Scores each slice over all its classes.

    Args:
        predictions: Predictions for the images of a split.
        slice_of: Path -> slice, or source.
        threshold: Confidence up to which a prediction is unsure, 0..1.

    Returns:
        Slice -> what `rates` returns, by the name of the slice.
    """
    confidence = predictions.probabilities.max(axis=1)
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    predicted = ~is_unsure(confidence, threshold)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(predictions.paths):
        rows[slice_of[path]].append(row)
    return {
        name: rates(
            len(rows[name]),
            int(right[rows[name]].sum()),
            int(predicted[rows[name]].sum()),
            int((predicted & ~right)[rows[name]].sum()),
        )
        for name in sorted(rows)
    }


def rates(examples: int, correct: int, predicted: int, wrong: int) -> dict[str, Any]:
    """Returns the figures of a slice from its counts.

    Args:
        examples: Images, above 0.
        correct: Those whose most probable class is the true one.
        predicted: Those that got a prediction, since it was not unsure.
        wrong: Those that got a wrong one.

    Returns:
        The counts by their names; `accuracy` and Wilson's 95% `accuracy_interval`; `coverage`
        (share of images that get a prediction) and its `coverage_interval`; `error` among
        these and its `error_interval`, None where there are none.
    """
    return {
        "examples": examples,
        "correct": correct,
        "predicted": predicted,
        "wrong": wrong,
        "accuracy": correct / examples,
        "accuracy_interval": wilson_interval(correct, examples),
        **selective.abstention(examples, predicted, wrong),
        "coverage_interval": wilson_interval(predicted, examples),
    }


def slice_metrics(
    predictions: Predictions, slice_of: Mapping[str, str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores each slice by itself.

    Args:
        predictions: Predictions for the images of a split.
        slice_of: Path -> slice, from `load`.

    Returns:
        Slice -> class name -> `recall` (0 to 1), its Wilson 95% `interval`, and `support`, the
        number of images; of the classes that have any in the slice.
    """
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    correct_of: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for path, label, is_right in zip(predictions.paths, predictions.labels, right, strict=True):
        correct_of[slice_of[path], int(label)].append(bool(is_right))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (name, label), correct in sorted(correct_of.items()):
        found.setdefault(name, {})[predictions.class_names[label]] = {
            "recall": sum(correct) / len(correct),
            "interval": wilson_interval(sum(correct), len(correct)),
            "support": len(correct),
        }
    return found
