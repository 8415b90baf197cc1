"""The parity page: how closely the exported files of a run predict like its Keras model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.metadata import UNSURE
from trash_keras.metrics import agreement
from trash_keras.metrics.report_file import threads_title
from trash_keras.reporting import html, report

# Read with the module: an export of minutes must not meet a newer template at its end.
TEMPLATE = (
    Path(__file__).with_name("templates").joinpath("parity.html.j2").read_text(encoding="utf-8")
)
HEADING = (
    "Format", "Size", "Accuracy", "95% interval", "Same class", "Same prediction",
    "Largest difference", "Mean difference", "ECE",
)  # fmt: skip

# What was compared, by whether it is a test split. Of an adapted run it is all that there is.
_KIND = {True: "test images", False: "images that the model was fitted to"}


def write_page(
    path: str | os.PathLike,
    facts: Mapping[str, Any],
    read_images: ReadImages,
) -> None:
    """Writes a self-contained page, complete or not at all.

    Args:
        path: HTML file to write.
        facts: Content of `export.json`. Formats of earlier versions, which were not compared,
            are left out.
        read_images: Files -> their encoded bytes, for the thumbnails. An image that is missing
            or cannot be decoded is shown as a grey rectangle.

    Raises:
        OSError: The page cannot be written.
    """
    formats = {name: row for name, row in facts["kinds"].items() if "agreement" in row}
    refused = facts.get("refused", {})
    compared = {**refused, **formats}
    files = sorted({found["file"] for row in compared.values() for found in row["worst"]})
    encoded = read_images(files) if files else {}
    thumbnails = {file: html.thumbnail(encoded.get(file, b"")) for file in files}
    html.write(
        path,
        TEMPLATE,
        images=f"{facts['compared_pictures']} {_KIND[_is_test(facts)]}",
        is_test=_is_test(facts),
        refused=refused,
        least=min((row["agreement"] for row in compared.values()), default=1.0),
        rows=[HEADING, *(_row(name, row) for name, row in compared.items())],
        speed=_speed(formats),
        machine=facts.get("machine"),
        visible=agreement.VISIBLE,
        worst={name: [_card(found) for found in row["worst"]] for name, row in compared.items()},
        thumbnails=thumbnails,
    )


def _is_test(facts: Mapping[str, Any]) -> bool:
    return facts.get("compared_split", "test") == "test"


def summary(name: str, row: Mapping[str, Any]) -> str:
    """Returns one line for a person: file, size, accuracy, agreement, and speed where timed."""
    parts = [f"{name}: {row['path']}, {row['bytes'] / 1e6:.1f} MB"]
    if "accuracy" in row:
        low, high = row["accuracy_interval"]
        parts.append(f"test accuracy {row['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%})")
    parts += [
        f"same class as Keras {row['agreement']:.1%}",
        f"largest difference {row['max_difference']:.1e}",
    ]
    if latency := report.latency(row):
        parts.append(latency)
    return ", ".join(parts)


def refusal(refused: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns which formats were not shipped, and why."""
    formats = [f"{name} ({row['agreement']:.1%})" for name, row in refused.items()]
    least = next(iter(refused.values()))["min_agreement"]
    return (
        f"Not shipped, since Keras predicts the same class for less than --min_agreement={least:g} "
        f"of the images: {', '.join(formats)}."
    )


def _row(name: str, row: Mapping[str, Any]) -> list[str]:
    scores = ["-", "-"]  # of images that the model was fitted to there are none
    if "accuracy" in row:
        low, high = row["accuracy_interval"]
        scores = [f"{row['accuracy']:.1%}", f"{low:.1%} to {high:.1%}"]
    return [
        name,
        f"{row['bytes'] / 1e6:.1f} MB",
        *scores,
        f"{row['agreement']:.1%}",
        f"{row['answer_agreement']:.1%}",
        f"{row['max_difference']:.1e}",
        f"{row['mean_difference']:.1e}",
        f"{row['ece']:.3f}" if "ece" in row else "-",
    ]


def _speed(formats: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Returns a table of latencies and memory; empty if nothing was timed."""
    timed = {name: row for name, row in formats.items() if row.get("latency")}
    if not timed:
        return []
    columns = list(next(iter(timed.values()))["latency"])  # those of all, from one call
    figures = {"Median": "p50_ms", "p95": "p95_ms"}
    heading = [f"{word}, {threads_title(column)}" for column in columns for word in figures]
    rows = [
        [
            name,
            *(f"{row['latency'][c][key]:.1f} ms" for c in columns for key in figures.values()),
            f"{row['peak_memory_mb']:.0f} MB",
        ]
        for name, row in timed.items()
    ]
    return [["Format", *heading, "Peak memory"], *rows]


def _card(found: Mapping[str, Any]) -> dict[str, str]:
    predictions = {
        "expected": _prediction(found["expected"]),
        "predicted": _prediction(found["answered"]),
    }
    return {"file": found["file"], "truth": found["truth"], **predictions}


def _prediction(given: Mapping[str, Any]) -> str:
    share = f"{given['class']} {given['probability']:.1%}"
    return f"{UNSURE} ({share})" if given["label"] == UNSURE else share
