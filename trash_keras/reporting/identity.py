"""What a report is about: data set, split, model, run and date."""

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from trash_keras.data.catalog import WHOLE
from trash_keras.data.places import addresses
from trash_keras.data.trashnet import COUNTS
from trash_keras.metrics import report_file
from trash_keras.reporting.verdict import is_synthetic
from trash_keras.storage.addresses import public_value

TRASHNET = {"type": "garythung/trashnet", "name": "TrashNet", "license": "mit"}
SYNTHETIC = {"type": "synthetic", "name": "Synthetic images in place of TrashNet", "license": "mit"}


def line(report: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]], run: str) -> list[str]:
    """Returns the parts of the line that says which report this is; what is not known is left out.

    Args:
        report: Content of `report.json`.
        counts: Split -> class name -> images.
        run: Name of the folder of the report.
    """
    shown, about = report_file.main_split(report), report.get("run") or {}
    model = (report.get("config") or {}).get("model") or {}
    split = "all images" if shown == WHOLE else f"{shown} split"
    backbone = report_file.backbone(model) if "backbone" in model else about.get("model")
    return [
        part
        for part in (dataset(report, counts)["name"], split, backbone, run and f"run {run}",
                     about.get("date"))
        if part
    ]  # fmt: skip


def dataset(report: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """Returns what the images are: `type` (of Hugging Face), `name`, `license`.

    TrashNet is recognized by its number of images of each class, with those that were left out.

    Args:
        report: Content of `report.json`.
        counts: Split -> class name -> images.
    """
    if is_synthetic(report):
        return SYNTHETIC
    found = {name: sum(split.get(name, 0) for split in counts.values()) for name in COUNTS}
    for file in report.get("bad_files") or ():
        class_name = PurePosixPath(file).parts[0]
        found[class_name] = found.get(class_name, 0) + 1
    name = _name(report)
    if set(report["class_names"]) == set(COUNTS) and found == COUNTS and "," not in name:
        return TRASHNET
    return {"type": "imagefolder", "name": name or "images", "license": "other"}


def _name(report: Mapping[str, Any]) -> str:
    """Returns the name of the data; of a report of an earlier version by its configuration."""
    data = (report.get("config") or {}).get("data") or {}
    return (report.get("run") or {}).get("data_set") or data_set(data.get("data_dir", ""))


def data_set(data_dir: str | os.PathLike) -> str:
    """Returns the names of the sources in `--data_dir`: of a folder the last part of its path.

    The rest of the path is private.
    """
    places = addresses(data_dir)
    if len(places) > 1:
        return ", ".join(places)
    return public_value(os.fspath(data_dir)).rstrip("/").rsplit("/", 1)[-1]
