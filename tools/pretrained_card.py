"""The model card of the pretrained model, from the reports on its very file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.classification import most_confused
from trash_keras.metrics.report_file import read_export, read_report
from trash_keras.reporting import model_card
from trash_keras.storage import remote

TEMPLATE = Path(__file__).with_name("pretrained_card.md.j2").read_text(encoding="utf-8")
LICENSE = "Apache-2.0"  # that of the initial weights
FORMAT = "int8"
CONFUSIONS_SHOWN = 5
_SCORES = (
    "examples", "accuracy", "accuracy_interval", "macro_f1", "ece", "brier",
    "coverage_at_2_percent_error", "abstention", "per_class", "confusion_matrix",
)  # fmt: skip


def figures(workdir: Path, model: Path, home: Path, external: Path) -> dict[str, Any]:
    """Gathers what the card says.

    Args:
        workdir: Folder of the run, exported.
        model: Its int8 file.
        home: Report folder of `trash-keras evaluate` on the test split, with `--ood_dir`.
        external: Report folder of `trash-keras evaluate` on photographs of other sources.

    Returns:
        Plain values: `sha256` and `bytes` of the file, `metadata`, `training`, `teacher` (None
        without one), `exported`, `test`, `ood` and `external`.

    Raises:
        ValueError: A report is missing or not of this file, or there are several teachers.
    """
    report = read_report(workdir)
    exported = read_export(workdir)["kinds"]
    scored, others = (read_report(folder) for folder in (home, external))
    if "out_of_scope" not in scored or "test" not in scored:
        raise ValueError(f"{home} must be of the test split, and with --ood_dir.")
    for folder, found in ((home, scored), (external, others)):
        if model.name not in found["run"]["command"]:
            raise ValueError(f"{folder} is of another file than {model.name}.")
    return {
        "sha256": remote.checksum(str(model)),
        "bytes": model.stat().st_size,
        "metadata": dataclasses.asdict(ModelMetadata.read(model)),
        "training": _training(report),
        "teacher": _teacher(workdir, report["config"]),
        "exported": {
            "float32": {name: exported["float32"][name] for name in ("accuracy", "bytes")},
            FORMAT: {
                name: exported[FORMAT][name] for name in ("accuracy", "agreement", "ece", "tool")
            },
        },
        "test": {name: scored["test"][name] for name in _SCORES},
        "ood": {
            "images": scored["out_of_scope"]["pictures"],
            "unsure": scored["out_of_scope"]["unsure"],
            "auroc": scored["out_of_scope"]["scores"]["confidence"]["auroc"],
        },
        "external": {name: others["all"][name] for name in _SCORES if name != "confusion_matrix"},
    }


def _training(report: Mapping[str, Any]) -> dict[str, Any]:
    config, run = report["config"], report["run"]
    return {
        "backbone": PurePosixPath(config["model"]["backbone"]).name,
        "split_method": config["data"]["split_method"],
        "seed": config["runtime"]["seed"],
        "minutes": run["training_minutes"],
        "machine": run["machine"],
        "git_revision": run["git_revision"],
        "valid_accuracy": report["valid"]["accuracy"],
        "valid_examples": report["valid"]["examples"],
    }


def _teacher(workdir: Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    teacher = config.get("distillation", {}).get("teacher", "")
    if not teacher:
        return None
    if "," in teacher:
        raise ValueError(f"The card has room for one teacher. {workdir} has several: {teacher}")
    taught = read_report(Path(teacher).parent)
    return {
        "image_size": taught["config"]["data"]["image_size"],
        "views": taught["answering"]["tta"],
        "accuracy": taught["test"]["accuracy"],
        "minutes": taught["run"]["training_minutes"],
    }


def render(found: Mapping[str, Any]) -> str:
    """Returns the card as Markdown.

    Args:
        found: From `figures`.
    """
    names, matrix = found["metadata"]["class_names"], found["test"]["confusion_matrix"]
    confused = [
        (names[truth], names[prediction], count)
        for truth, prediction, count in most_confused(matrix, CONFUSIONS_SHOWN)
    ]
    card = model_card.environment().from_string(TEMPLATE)
    return card.render(**found, license=LICENSE, confused=confused)
