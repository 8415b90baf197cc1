"""Reasons to doubt labels that are known when a report is written.

Images that are equal byte for byte and have several classes, and what an audit found.
"""

import os
from typing import Any

from trash_keras.data import file_roles
from trash_keras.data.catalog import Catalog
from trash_keras.storage import text_files

Issues = dict[str, list[dict[str, Any]]]
CLASSES_LISTED = 3  # of one kind of reason
_KINDS = {"exact_duplicates": "equal", "near_duplicates": "similar"}


def find(catalog: Catalog, audit_file: str | os.PathLike = "") -> Issues:
    """Lists the reasons to doubt the label of each image.

    Args:
        catalog: Of all splits, with `label_conflicts`.
        audit_file: `audit.json` of `trash-keras audit`; empty for none. What it says of images
            that are not in the catalog is left out.

    Returns:
        Path -> reasons, each a dictionary with its `kind` and the other `class`: `equal` or
        `similar` to an image of that class, if possible of the training split, with its `file` and
        `split`; `predicted` by the audit, with the `probability` of that class.

    Raises:
        ValueError: The file is missing, or is not that of an audit.
    """
    place = {
        path: {"file": path, "class": name, "split": split}
        for split, files in catalog.splits.items()
        for name, paths in files.items()
        for path in paths
    }
    groups, predicted = _read(audit_file) if audit_file else ([], {})
    groups = [*(("equal", list(group)) for group in catalog.label_conflicts), *groups]
    found: Issues = {}
    for kind, group in groups:
        there = [place[path] for path in group if path in place]
        # One image stands for all of its class: a placeholder may be there a thousand times.
        firsts: dict[str, dict[str, str]] = {}
        for each in sorted(there, key=lambda each: each["split"] != "train"):
            firsts.setdefault(each["class"], each)
        for one in there:
            reasons = found.setdefault(one["file"], [])
            others = (firsts[name] for name in list(firsts)[: CLASSES_LISTED + 1])
            new = ({"kind": kind, **other} for other in others if other["class"] != one["class"])
            reasons += [reason for reason in new if reason not in reasons]
    for path, reason in predicted.items():
        if path in place:
            found.setdefault(path, []).append(reason)
    return {path: reasons for path, reasons in found.items() if reasons}


def _read(path: str | os.PathLike) -> tuple[list[tuple[str, list[str]]], dict[str, dict[str, Any]]]:
    """Returns kind and paths of images that are the same, and path -> reason of label issues."""
    file_roles.require("audit", path)
    try:
        audit = text_files.from_json(text_files.read(path))
        groups = [
            (kind, [str(image["file"]) for image in row["files"]])
            for key, kind in _KINDS.items()
            for row in audit[key]
        ]
        predicted = {
            str(issue["file"]): {
                "kind": "predicted",
                "class": str(issue["suggestion"]),
                "probability": float(issue["probability_of_suggestion"]),
            }
            for issue in (audit["doubtful_labels"] or {"found": ()})["found"]
        }
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"No usable audit at {path}: {error!r}") from error
    return groups, predicted
