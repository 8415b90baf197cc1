"""Report -> a folder that people read: report.json, figures/*.png, report.html."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras import files
from trash_keras.evaluation import figures, page


def publish(
    report: Mapping[str, Any],
    output: str | os.PathLike,
    *,
    pictures: Mapping[str, bytes],
    counts: Mapping[str, Mapping[str, int]],
    epochs: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes a report; `report.json` comes last, so that it stands only when all is there.

    Args:
        report: `class_names`, a section for each split (`report.score`), and what else belongs.
        output: Folder; made when missing.
        pictures: File of a mistake -> its encoded bytes, for the thumbnails.
        counts: Split -> class name -> pictures.
        epochs: Rows of metrics.csv for the learning curves; empty leaves them out.
    """
    output = Path(output)
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
    page.write_page(output / "report.html", report, figure_files, pictures)
    files.write_json(output / "report.json", report)


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
