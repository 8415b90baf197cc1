"""Report -> a folder that people read: report.json, figures/*.png, report.html."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras import files
from trash_keras.evaluation import figures, page
from trash_keras.evaluation.predictions import Predictions


def publish(
    output: str | os.PathLike,
    predictions: Mapping[str, Predictions],
    details: Mapping[str, Any],
    *,
    counts: Mapping[str, Mapping[str, int]],
    read_pictures: Callable[[list[str]], Mapping[str, bytes]],
    epochs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Writes a report; `report.json` comes last, so that it stands only when all is there.

    Args:
        output: Folder; made when missing. Gets report.json, report.html, figures/*.png and
            predictions/SPLIT.csv.
        predictions: Split -> what the model answered.
        details: What else belongs in the report: `bad_files`, `config`, `run`.
        counts: Split -> class name -> pictures.
        read_pictures: Files -> their encoded bytes, for the thumbnails of the mistakes.
        epochs: Rows of metrics.csv for the learning curves; empty leaves them out.

    Returns:
        The content of `report.json`.
    """
    output = Path(output)
    shown = next(split for split in ("test", *predictions) if split in predictions)
    report = {
        "class_names": list(predictions[shown].class_names),
        **{split: found.score() for split, found in predictions.items()},
        **details,
    }
    for split, found in predictions.items():
        found.save(output / "predictions" / f"{split}.csv")
    drawn = {}
    if epochs:
        drawn["Learning curves"] = ("learning_curves", figures.learning_curves(epochs))
    for split in counts:
        if split == "train" and len(counts) > 1:
            continue  # the confusions that matter are those on pictures that were not learned
        matrix = report[split]["confusion_matrix"]
        drawn[f"Confusion matrix, {split} split"] = (
            f"confusion_matrix_{split}",
            figures.confusion_matrix(matrix, report["class_names"]),
        )
    drawn["Class balance"] = ("class_balance", figures.class_balance(counts))
    figure_files = {}
    for caption, (name, figure) in drawn.items():
        figure_files[caption] = output / "figures" / f"{name}.png"
        figures.save(figure, figure_files[caption])
    pictures = read_pictures([mistake["file"] for mistake in report[shown]["mistakes"]])
    page.write_page(output / "report.html", report, figure_files, pictures)
    files.write_json(output / "report.json", report)
    return report


def provenance(command: str) -> dict[str, Any]:
    """Tells what made a result: command, versions, revision, machine."""
    packages = ("tensorflow", "keras", "trash-keras")
    return {
        "command": command,
        "python": platform.python_version(),
        **{name.replace("-", "_"): _version(name) for name in packages},
        "git_revision": _git_revision(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    try:
        # Installed in some project's .venv, this file lies in that repository, but is not of it.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
