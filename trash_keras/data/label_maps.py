"""Label maps: the class names of an external data set -> those of the model."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data import file_roles
from trash_keras.data.catalog import Catalog, FilesByClass
from trash_keras.data.class_names import composed, of_folders
from trash_keras.storage import text_files

LabelMap = Mapping[str, str | None]


def read(path: str | os.PathLike, class_names: Sequence[str] | None) -> dict[str, str | None]:
    """Reads a JSON object: class of the data -> one of `class_names`, or null to leave it out.

    Args:
        path: The JSON file.
        class_names: Classes that the model knows; None where it is still to be trained, on any.

    Raises:
        ValueError: The file is missing, holds something else, or names an unknown class.
    """
    file_roles.require("label_map", path)
    try:
        found = text_files.from_json(text_files.read(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"No usable label map at {path}: {error}") from error
    if not isinstance(found, dict) or not all(
        target is None or isinstance(target, str) for target in found.values()
    ):
        raise ValueError(
            f"No usable label map at {path}: it must be a JSON object of the data's class names "
            'and the model\'s, or null to leave a class out, such as {"bottle": "glass", "other": '
            "null}."
        )
    found = {composed(name): target and composed(target) for name, target in found.items()}
    targets = {target for target in found.values() if target}
    if class_names is None:
        of_folders(targets)
    elif unknown := sorted(targets - set(class_names)):
        raise ValueError(
            f"The label map {path} gives classes that the model does not know: "
            f"{', '.join(unknown)}. The model knows: {', '.join(class_names)}."
        )
    return found


def apply(label_map: LabelMap, catalog: Catalog) -> tuple[Catalog, dict[str, Any]]:
    """Renames the classes of a catalog.

    Args:
        label_map: Class of the catalog -> new name, or None to leave its images out; several
            may get the same name. Classes that the catalog does not have are ignored.
        catalog: Which images there are.

    Returns:
        The catalog with the new names; and for the report `classes`, the map, and `left_out`:
        class -> images, for each class of the catalog that is left out.

    Raises:
        ValueError: The map lacks a class of the catalog, or leaves nothing.
    """
    if missing := [name for name in catalog.class_names if name not in label_map]:
        raise ValueError(
            f"The label map lacks classes of the data: {', '.join(missing)}. Give each the name "
            "of one of the model's classes, or null to leave it out."
        )
    kept = {name for name in catalog.class_names if label_map[name]}
    if not kept:
        raise ValueError("The label map leaves out every class of the data.")
    names = tuple(sorted({str(label_map[name]) for name in kept}))
    splits: dict[str, FilesByClass] = {}
    left_out = {name: 0 for name in catalog.class_names if name not in kept}
    for split, files in catalog.splits.items():
        merged: dict[str, list[str]] = {name: [] for name in names}
        for name, paths in files.items():
            if name in kept:
                merged[str(label_map[name])] += paths
            else:
                left_out[name] += len(paths)
        splits[split] = {name: tuple(sorted(paths)) for name, paths in merged.items()}
    renamed = dataclasses.replace(catalog, class_names=names, splits=splits)
    return renamed, {"classes": dict(label_map), "left_out": left_out}
