"""Markdown tables; the summary of a CI job, with the accuracy that a run has to reach."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trash_keras.metrics.classification import MATRIX_CLASSES, most_confused, weakest
from trash_keras.metrics.report_file import SPLIT_TITLES, main_split

CONFUSIONS_SHOWN = 20
EXPORT_FIGURES = {"accuracy": "test accuracy", "agreement": "same class as Keras"}


def reaches(report: Mapping[str, Any], minimum_accuracy: float) -> bool:
    """Returns whether the accuracy of the scored split is at least `minimum_accuracy`, 0..1."""
    return report[main_split(report)]["accuracy"] >= minimum_accuracy


def verdict(report: Mapping[str, Any], minimum_accuracy: float) -> str:
    """Returns a sentence that compares the scored split with the bar.

    Args:
        report: Content of `report.json`.
        minimum_accuracy: The bar, 0..1.
    """
    split = main_split(report)
    accuracy = report[split]["accuracy"]
    # With four digits, 0.7999 is not "0.80, below the bar of 0.80".
    relation = "reaches" if reaches(report, minimum_accuracy) else "is below"
    return (
        f"The accuracy of {accuracy:.4f} on the {split} split {relation} the bar of "
        f"{minimum_accuracy:.4f}."
    )


def summary(
    report: Mapping[str, Any], exported: Mapping[str, Any], minimum_accuracy: float | None = None
) -> str:
    """Returns a page of GitHub's Markdown: accuracy, classes, confusion matrix, exports.

    Args:
        report: Content of `report.json`.
        exported: Content of `export/export.json`; empty leaves the table of exports out.
        minimum_accuracy: The bar to compare with, 0..1; None for no bar.
    """
    split = main_split(report)
    scores = report[split]
    low, high = scores["accuracy_interval"]
    parts = [
        f"## {scores['accuracy']:.1%} of {scores['examples']} {split} images are classified "
        f"correctly (95% interval {low:.1%} to {high:.1%})"
    ]
    if minimum_accuracy is not None:
        mark = "✅" if reaches(report, minimum_accuracy) else "❌"
        parts.append(f"{mark} {verdict(report, minimum_accuracy)}")
    parts += [_splits(report), f"### Classes, {split} split", _classes(scores)]
    parts += [f"### Confusion matrix, {split} split", _confusions(report["class_names"], scores)]
    if formats := exported.get("kinds"):
        parts += ["### Exports", _exports(formats)]
    if run := report.get("run"):
        rows = ([plain(name), _code(value)] for name, value in run.items() if value)
        parts += ["### How it was made", table(["", ""], rows, left=2)]
    return "\n\n".join(parts) + "\n"


def _splits(report: Mapping[str, Any]) -> str:
    rows = []
    for split in SPLIT_TITLES:
        if scores := report.get(split):
            low, high = scores["accuracy_interval"]
            figures = f"{scores['accuracy']:.4f}", f"{low:.4f} to {high:.4f}"
            rows.append([split, scores["examples"], *figures, f"{scores['macro_f1']:.4f}"])
    return table(["split", "images", "accuracy", "95% interval", "macro-F1"], rows)


def _classes(scores: Mapping[str, Any]) -> str:
    names = ("precision", "recall", "f1")
    shown = weakest(scores["per_class"])
    rows = (
        [plain(name), *(f"{row[figure]:.3f}" for figure in names), row["support"]]
        for name, row in shown.items()
    )
    found = table(["class", "precision", "recall", "F1", "images"], rows)
    if len(shown) == len(scores["per_class"]):
        return found
    return f"The {len(shown)} of {len(scores['per_class'])} with the lowest F1 score.\n\n{found}"


def _confusions(class_names: Sequence[str], scores: Mapping[str, Any]) -> str:
    """Returns the matrix, or the most confused classes if it would be too wide."""
    names, matrix = [plain(name) for name in class_names], scores["confusion_matrix"]
    if len(names) <= MATRIX_CLASSES:
        rows: list[list[Any]] = [
            [f"**{name}**", *(f"**{count}**" if i == j else count for j, count in enumerate(row))]
            for i, (name, row) in enumerate(zip(names, matrix, strict=True))
        ]
        return table(["truth \\ prediction", *names], rows)
    rows = [[names[truth], names[prediction], count]
            for truth, prediction, count in most_confused(matrix, CONFUSIONS_SHOWN)]  # fmt: skip
    note = f"{len(names)} classes are too many for a table; these are the most frequent confusions."
    return note + "\n\n" + table(["truth", "prediction", "images"], rows, left=2)


def _exports(formats: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, facts in formats.items():
        figures = [f"{facts['bytes'] / 1e6:.1f}"]
        # Exports of an earlier version were not scored.
        figures += [f"{facts[key]:.4f}" if key in facts else "" for key in EXPORT_FIGURES]
        rows.append([name, _code(facts["path"]), *figures, f"{facts['max_difference']:.1e}"])
    heading = ["format", "file", "MB", *EXPORT_FIGURES.values(), "largest difference from Keras"]
    return table(heading, rows, left=2)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 1) -> str:
    """Returns a Markdown table; the first `left` columns are text, the others numbers."""
    rule = [":--" if column < left else "--:" for column in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def plain(text: Any) -> str:
    """Returns a name that can neither end its cell nor be read as HTML or Markdown."""
    one_line = " ".join(str(text).split())
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|`*_\[\]~])", r"\\\1", escaped)


def _code(text: Any) -> str:
    """Returns a code span; a bar would end the cell even there."""
    return "`" + " ".join(str(text).split()).replace("`", "'").replace("|", "\\|") + "`"
