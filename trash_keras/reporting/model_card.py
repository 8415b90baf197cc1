"""The model card: MODEL_CARD.md in the form of Hugging Face, to lie beside a shared model.

The form: https://huggingface.co/docs/hub/model-cards
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from trash_keras.metrics import report_file
from trash_keras.metrics.classification import MATRIX_CLASSES, weakest
from trash_keras.reporting import by_source, html, identity, ood_text
from trash_keras.reporting.text import calibration_paragraphs
from trash_keras.reporting.verdict import caveats, is_synthetic, verdict_sentences
from trash_keras.storage import local
from trash_keras.storage.names import printable

# Read with the module: a training of hours must not meet a newer template at its end.
TEMPLATE = (
    Path(__file__).with_name("templates").joinpath("model_card.md.j2").read_text(encoding="utf-8")
)
# The figures of model-index: name in the report -> (type of Hugging Face, title).
METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "macro_f1": ("f1", "Macro-F1"),
    "ece": ("ece", "Expected calibration error, 15 bins"),
    "brier": ("brier_score", "Brier score, sum over classes"),
}


def write(
    path: str | os.PathLike,
    report: Mapping[str, Any],
    counts: Mapping[str, Mapping[str, int]],
    model_files: Sequence[Mapping[str, Any]],
) -> None:
    """Writes the card of a trained model, complete or not at all.

    Args:
        path: Markdown file to write.
        report: Content of `report.json` of a training run, with `config` and `run`.
        counts: Split -> class name -> images.
        model_files: From `report.list_model_files`.

    Raises:
        ValueError: The report has no split.
        OSError: The card cannot be written.
    """
    shown = report_file.main_split(report)
    config, run = report["config"], report.get("run") or {}
    backbone = report_file.backbone(config["model"])
    text = environment().from_string(TEMPLATE).render(
        name=f"trash-keras-{_plain(PurePosixPath(backbone).stem).lower()}",
        backbone=backbone,
        weights=backbone if config["model"].get("init") else config["model"]["weights"],
        dataset=identity.dataset(report, counts),
        metrics=METRICS,
        shown=shown,
        split_title=report_file.SPLIT_TITLES[shown],
        scores=report[shown],
        sources=by_source.table(report.get("sources", {}).get(shown, {})),
        splits={name: report[name] for name in report_file.SPLIT_TITLES if name in report},
        class_names=report["class_names"],
        listed=MATRIX_CLASSES,
        weakest=weakest(report[shown]["per_class"]),
        smallest=_smallest(report["class_names"], counts),
        counts=counts,
        bad_files=report.get("bad_files") or (),
        synthetic=is_synthetic(report),
        verdict=[*verdict_sentences(report), *caveats(report)],
        calibration=calibration_paragraphs(report),
        unsure=(report.get("answering") or {}).get("threshold", 0) > 0,
        other_things=ood_text.limit(report),
        adaptation=report.get("adaptation"),
        config=config,
        run=run,
        model_files=model_files,
    )  # fmt: skip
    local.write_text(path, printable(text, keep="\n\r\t"))


def _smallest(class_names: Sequence[str], counts: Mapping[str, Mapping[str, int]]) -> Sequence[str]:
    """Returns the classes to list: all, or of too many those with the fewest images."""
    if len(class_names) <= MATRIX_CLASSES:
        return class_names

    def images(name: str) -> int:
        return sum(split.get(name, 0) for split in counts.values())

    return sorted(class_names, key=images)[:MATRIX_CLASSES]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def environment() -> jinja2.Environment:
    """Returns the Jinja environment of a card: Markdown, with the filters `text` and `quoted`."""
    environment = html.environment(autoescape=False)
    environment.filters["text"] = escape
    # A JSON string is a YAML string.
    environment.filters["quoted"] = lambda value: json.dumps(str(value))
    return environment


def escape(value: Any) -> str:
    """Returns a text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(str(value).split()))
