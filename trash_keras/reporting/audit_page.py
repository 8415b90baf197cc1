"""The report of a data audit: audit.html, audit.csv and audit.json."""

import contextlib
import functools
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.data import corrections, image_listing
from trash_keras.data.audit import suggestions
from trash_keras.data.audit.inspection import ORIENTATIONS
from trash_keras.data.audit.outliers import MEASURES
from trash_keras.data.groups import write_groups
from trash_keras.data.places import addresses, locate
from trash_keras.reporting import html
from trash_keras.reporting.report import provenance
from trash_keras.storage import local
from trash_keras.storage.addresses import public_value

FILES_SHOWN = 200
EXACT_SHOWN = 60
NAMES_SHOWN = 12
NEAR_SHOWN = 90
LABEL_ISSUES_SHOWN = 100
OUTLIERS_SHOWN = 12  # of each measure
# What is left of 5 MB for the text.
THUMBNAIL_BYTES = 4_500_000
# Read with the module: an audit of hours must not meet a newer template at its end.
TEMPLATE, LIST_SCRIPT = (
    Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")
    for name in ("audit.html.j2", "label_list.js")
)
SCRIPT = LIST_SCRIPT + html.FIND


def write(
    findings: Mapping[str, Any],
    output: str | os.PathLike,
    data_dir: str | os.PathLike,
    command: str,
    groups_file: str | os.PathLike = "",
) -> None:
    """Writes an audit; `audit.json` comes last, so that it stands only when all is there.

    `audit.csv` is a list for `trash-keras prepare --apply`, where the images lie in one folder.

    Args:
        findings: From `audit.audit`.
        output: Folder; made when missing.
        data_dir: Folder that the files in the findings are relative to.
        command: The command line, so that others can repeat it.
        groups_file: JSON file for the near-duplicate groups; empty for none.
    """
    findings = {**findings, "run": provenance(command)}
    write_page(Path(output) / "audit.html", findings, data_dir)
    if _is_one_folder(data_dir):
        corrections.write(Path(output) / "audit.csv", suggestions.suggest(findings))
    if groups_file:
        names = ("exact_duplicates", "near_duplicates")
        evidence = {name: findings["evidence"][name] for name in names}
        write_groups(groups_file, findings["groups"], evidence)
    local.write_json(Path(output) / "audit.json", findings)


def write_page(
    path: str | os.PathLike, findings: Mapping[str, Any], data_dir: str | os.PathLike
) -> None:
    """Writes a self-contained page of less than 5 MB, complete or not at all.

    Args:
        path: HTML file to write.
        findings: From `audit.audit`, with `run` (name -> value).
        data_dir: Folder that the files in the findings are relative to.

    Raises:
        OSError: The page cannot be written.
    """
    counts, issues = findings["counts"], findings["doubtful_labels"]
    suggested = suggestions.suggest(findings) if _is_one_folder(data_dir) else []
    thumbnails = html.Thumbnails(functools.partial(_read_images, data_dir), THUMBNAIL_BYTES)
    html.write(
        path,
        TEMPLATE,
        summary=findings["summary"],
        headline=headline(findings),
        suggested=suggested,
        reasons={one.file: one.reason for one in suggested},
        source=shlex.quote(f"--source={public_value(os.fspath(data_dir))}"),
        class_names=list(next(iter(counts.values()), ())),
        script=SCRIPT,
        script_hash=html.content_hash(SCRIPT),
        verdict=verdict(findings),
        class_count=len(next(iter(counts.values()), ())),
        several_splits=len(counts) > 1,
        counts=counts,
        balance=_balance(counts),
        unreadable=findings["unreadable"],
        wrong_extensions=findings["wrong_extensions"],
        passed_over=image_listing.sentence(findings.get("passed_over") or {}),
        exact=_crossing_first(findings["exact_duplicates"])[:EXACT_SHOWN],
        near=_crossing_first(findings["near_duplicates"])[:NEAR_SHOWN],
        label_issues=issues and {**issues, "found": issues["found"][:LABEL_ISSUES_SHOWN]},
        outliers={name: _outliers(name, found) for name, found in findings["outliers"].items()},
        evidence=findings["evidence"],
        run=html.ordered(findings["run"]),
        thumbnails=thumbnails,
        upright=ORIENTATIONS[0],
        files_shown=FILES_SHOWN,
        names_shown=NAMES_SHOWN,
    )


def _is_one_folder(data_dir: str | os.PathLike) -> bool:
    return "" in addresses(data_dir)


def headline(findings: Mapping[str, Any]) -> str:
    """Returns what there is to correct, as in "3 files under two labels, 71 labels to check"."""
    summary = findings["summary"]
    same = summary["exact_duplicates"] + summary["near_duplicates"]
    parts = {
        "file that cannot be read": summary["unreadable"],
        "file under two labels": sum(
            item["across_classes"] for item in findings["exact_duplicates"]
        ),
        "near-duplicate under two labels": sum(
            item["across_classes"] for item in findings["near_duplicates"]
        ),
        "near-duplicate across splits": summary["duplicates_across_splits"],
        "near-duplicate": 0 if len(findings["counts"]) > 1 else same,
        "label to check": summary["doubtful_labels"] or 0,
    }
    found = [_counted(count, what) for what, count in parts.items() if count]
    return ", ".join(found) or "Nothing to correct was found"


def verdict(findings: Mapping[str, Any]) -> list[str]:
    """Returns what the findings mean for training and testing, a sentence or two each."""
    summary, counts = findings["summary"], findings["counts"]
    sentences = []
    if summary["exact_duplicates"] + summary["near_duplicates"]:
        sentences.append(
            f"{_counted(summary['exact_duplicates'], 'set')} of equal files and "
            f"{_counted(summary['near_duplicates'], 'pair')} that look the same make "
            f"{_counted(summary['groups'], 'group')} to keep together when the images are split."
        )
    else:
        sentences.append("There are no duplicates.")
    if len(counts) == 1:
        sentences.append(
            "Without splits (--catalog, --split_method) it is not known whether they leak."
        )
    elif crossing := summary["duplicates_across_splits"]:
        sentences.append(
            f"{crossing} of these sets and pairs cross the splits: a model that trains on one "
            "image and is scored on the other looks better than it is."
        )
    if crossing := summary["duplicates_across_classes"]:
        sentences.append(
            f"{crossing} of these sets and pairs have images of different classes, so one of the "
            "labels is wrong."
        )
    sizes = {row["name"]: row["all"] for row in _balance(counts)}
    if len(sizes) > 1:
        largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        sentences.append(
            f"The largest class, “{largest}”, has {sizes[largest]} images, the smallest, "
            f"“{smallest}”, {sizes[smallest]}."
        )
    return sentences


def _counted(count: int, noun: str) -> str:
    first, _, rest = noun.partition(" ")
    return f"{count} {first}{'' if count == 1 else 's'} {rest}".rstrip()


def _crossing_first(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(items, key=lambda item: -item["across_splits"] - item["across_classes"])


def _balance(counts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    return html.balance_rows(counts, list(next(iter(counts.values()), ())))


def _outliers(name: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "all": len(found),
        "shown": found[:OUTLIERS_SHOWN],
        "median": found[0]["median"] if found else None,
        "unit": MEASURES[name].text,
    }


def _read_images(data_dir: str | os.PathLike, files: list[str]) -> dict[str, bytes]:
    found = {}
    for file in files:
        with contextlib.suppress(OSError):
            found[file] = locate(data_dir, file).read_bytes()
    return found
