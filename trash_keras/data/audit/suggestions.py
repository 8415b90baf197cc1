"""What an audit suggests to drop from a data set, and which labels a person should look at."""

from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data.corrections import DROP, KEEP, Correction

# Of images that are the same, one of the earliest stays: test images are the fewest.
_STAYS_FIRST = ("test", "valid")


def suggest(findings: Mapping[str, Any]) -> list[Correction]:
    """Returns a line for each image that a finding is about.

    Dropped are unreadable files, of equal files under one label all but one, and of
    near-duplicates across splits the one that costs less. What only a person can decide, which
    label is right, is `keep` with the reason to look.

    Args:
        findings: From `audit.audit`.
    """
    found: dict[str, Correction] = {}

    def add(item: Mapping[str, str], action: str, reason: str) -> None:
        before = found.get(item["file"])
        if before:
            action = DROP if DROP in (action, before.action) else KEEP
            reason = f"{before.reason}; {reason}"
        found[item["file"]] = Correction(item["file"], item["class"], action, reason=reason)

    for item in findings["unreadable"]:
        add(item, DROP, f"unreadable: {item['reason']}")
    for same, how in (("exact_duplicates", "has the bytes of"), ("near_duplicates", "looks like")):
        for group in findings[same]:
            first, *others = sorted(group["files"], key=_order)
            if group["across_classes"]:
                for item in group["files"]:
                    add(item, KEEP, f"{how} {_named(group['files'], item)}: which label is right?")
            elif same == "exact_duplicates" or group["across_splits"]:
                for item in others:
                    add(item, DROP, f"{how} {first['file']} in {first['split']}")
    for item in (findings["doubtful_labels"] or {"found": ()})["found"]:
        shares = (f"{item[f'probability_of_{name}']:.0%}" for name in ("suggestion", "label"))
        add(item, KEEP, f"{item['suggestion']}? {' against '.join(shares)}")
    return list(found.values())


def _order(item: Mapping[str, str]) -> tuple[int, str]:
    split = item["split"]
    return _STAYS_FIRST.index(split) if split in _STAYS_FIRST else len(_STAYS_FIRST), item["file"]


def _named(files: Sequence[Mapping[str, str]], item: Mapping[str, str]) -> str:
    return ", ".join(
        f"{other['file']} ({other['class']})" for other in files if other["file"] != item["file"]
    )
