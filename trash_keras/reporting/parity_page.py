"""`export.json` -> one page on how far the exports of a run prediction like its Keras model."""

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
    "Kind", "Size", "Accuracy", "95% interval", "Same class", "Same prediction", "Largest difference",
    "Mean difference", "ECE",
)  # fmt: skip


def write_page(
    path: str | os.PathLike,
    facts: Mapping[str, Any],
    read_images: ReadImages,
) -> None:
    """Writes a self-contained page, complete or not at all.

    Args:
        path: HTML file to write.
        facts: Content of `export.json`; kinds of earlier versions, which nobody compared, are
            left out.
        read_images: Files -> their encoded bytes, for the thumbnails. An image that is missing
            or cannot be decoded is shown as a grey box.

    Raises:
        OSError: The page cannot be written.
    """
    kinds = {kind: row for kind, row in facts["kinds"].items() if "agreement" in row}
    refused = facts.get("refused", {})
    compared = {**refused, **kinds}
    files = sorted({found["file"] for row in compared.values() for found in row["worst"]})
    encoded = read_images(files) if files else {}
    thumbnails = {file: html.thumbnail(encoded.get(file, b"")) for file in files}
    html.write(
        path,
        TEMPLATE,
        images=facts["compared_pictures"],
        refused=refused,
        least=min((row["agreement"] for row in compared.values()), default=1.0),
        rows=[HEADING, *(_row(kind, row) for kind, row in compared.items())],
        speed=_speed(kinds),
        machine=facts.get("machine"),
        visible=agreement.VISIBLE,
        worst={kind: [_card(found) for found in row["worst"]] for kind, row in compared.items()},
        thumbnails=thumbnails,
    )


def summary(kind: str, row: Mapping[str, Any]) -> str:
    """Returns one line for a person: file, size, accuracy, agreement, and speed where timed."""
    low, high = row["accuracy_interval"]
    parts = [
        f"{kind}: {row['path']}, {row['bytes'] / 1e6:.1f} MB",
        f"test accuracy {row['accuracy']:.4f} (95% interval {low:.4f} to {high:.4f})",
        f"same class as Keras {row['agreement']:.1%}",
        f"largest difference {row['max_difference']:.1e}",
    ]
    if latency := report.latency(row):
        parts.append(latency)
    return ", ".join(parts)


def refusal(refused: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns which kinds were not shipped, and why."""
    kinds = [f"{kind} ({row['agreement']:.1%})" for kind, row in refused.items()]
    least = next(iter(refused.values()))["min_agreement"]
    return (
        f"Not shipped, since Keras says the same class for less than --min_agreement={least:g} of "
        f"the test images: {', '.join(kinds)}."
    )


def _row(kind: str, row: Mapping[str, Any]) -> list[str]:
    low, high = row["accuracy_interval"]
    return [
        kind,
        f"{row['bytes'] / 1e6:.1f} MB",
        f"{row['accuracy']:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{row['agreement']:.1%}",
        f"{row['answer_agreement']:.1%}",
        f"{row['max_difference']:.1e}",
        f"{row['mean_difference']:.1e}",
        f"{row['ece']:.3f}",
    ]


def _speed(kinds: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Returns a table of latencies and memory; empty where nothing was timed."""
    timed = {kind: row for kind, row in kinds.items() if row.get("latency")}
    if not timed:
        return []
    columns = list(next(iter(timed.values()))["latency"])  # those of all, from one call
    figures = {"Median": "p50_ms", "p95": "p95_ms"}
    heading = [f"{word}, {threads_title(column)}" for column in columns for word in figures]
    rows = [
        [
            kind,
            *(f"{row['latency'][c][name]:.1f} ms" for c in columns for name in figures.values()),
            f"{row['peak_memory_mb']:.0f} MB",
        ]
        for kind, row in timed.items()
    ]
    return [["Kind", *heading, "Peak memory"], *rows]


def _card(found: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: _prediction(found[name]) for name in ("expected", "answered")}
    return {"file": found["file"], "truth": found["truth"], **texts}


def _prediction(told: Mapping[str, Any]) -> str:
    share = f"{told['class']} {told['probability']:.1%}"
    return f"{UNSURE} ({share})" if told["label"] == UNSURE else share
