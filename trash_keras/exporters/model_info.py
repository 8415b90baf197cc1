"""Where an exported model comes from and how good it is; written into the file."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import trash_keras
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file

ENTRY = "about.json"  # of the zip archive in a `.tflite` file


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What a file says of itself.

    Attributes:
        name: A few words.
        description: One or two sentences.
        license: Of the model; empty if unknown.
        facts: About the training run: plain values, see `of_run`.
        version: Of this package, which wrote the file.
        author: Who made it.
    """

    name: str
    description: str
    license: str
    facts: dict[str, Any]
    version: str = trash_keras.__version__
    author: str = "trash_keras"

    def to_json(self) -> str:
        """Returns all fields as a JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=2)


def of_run(workdir: str | Path, metadata: ModelMetadata, license_name: str) -> ModelInfo:
    """Describes the model of a training run, complete or not.

    Args:
        workdir: Folder of the run.
        metadata: Of its model.
        license_name: Of the model.

    Returns:
        Its `facts`: `answering` (temperature, threshold and so on), and of a complete run
        `backbone`, `split_method`, `seed` and `git_revision`, and where it has a test split
        `test_accuracy`, `test_accuracy_interval` and `test_examples`.
    """
    facts: dict[str, Any] = {"answering": metadata.inference_settings()}
    if report := report_file.read_object(Path(workdir) / "report.json"):
        facts |= _figures(report)
    classes = ", ".join(metadata.class_names)
    accuracy = facts.get("test_accuracy")
    worth = f" Accuracy on its test split: {accuracy:.1%}." if accuracy is not None else ""
    return ModelInfo(
        name="Waste classifier" if "trash" in metadata.class_names else "Image classifier",
        description=f"Tells {classes} apart in an image.{worth}",
        license=license_name,
        facts=facts,
    )


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    test, config = report.get("test"), report["config"]
    names = ("accuracy", "accuracy_interval", "examples")
    return {
        **({f"test_{name}": test[name] for name in names} if test else {}),
        "backbone": report_file.backbone(config["model"]),
        "split_method": config["data"]["split_method"],
        "seed": config["runtime"]["seed"],
        "git_revision": report["run"]["git_revision"],
    }
