"""The model files of a run, for its page and its model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trash_keras.metrics.report_file import main_split, read_export, threads_title


def listed(workdir: Path, report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists the model files that stand in the folder of a run.

    Args:
        workdir: Folder of a run; `export/export.json` is read where it stands.
        report: Content of `report.json`.

    Returns:
        For each file `kind`, `path` (relative to the folder), `bytes`, and what is known of
        `accuracy` (0 to 1), `agreement` (share of pictures with the class that Keras says),
        `max_difference` (of a probability, from Keras) and `latency` (text); None where it is not.

    Raises:
        ValueError: export.json is damaged.
    """
    rows = []
    trained = workdir / "model.keras"
    if trained.is_file():
        accuracy = report[main_split(report)]["accuracy"]
        facts = {"path": trained.name, "bytes": trained.stat().st_size, "accuracy": accuracy}
        rows.append(_row("keras", facts))
    try:
        rows += [
            _row(kind, {**facts, "path": f"export/{facts['path']}"})
            for kind, facts in read_export(workdir).get("kinds", {}).items()
        ]
    except KeyError as error:
        raise ValueError(f"{workdir}/export/export.json is damaged: no {error}.") from error
    return rows


def _row(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "path": facts["path"],
        "bytes": int(facts["bytes"]),
        "accuracy": facts.get("accuracy"),
        "agreement": facts.get("agreement"),
        "max_difference": facts.get("max_difference"),
        "latency": latency(facts),
    }


def latency(facts: Mapping[str, Any]) -> str | None:
    """Returns the median latencies of a kind in `export.json` as text; None without any."""
    timed = facts.get("latency") or {}
    parts = [
        f"{figures['p50_ms']:.1f} ms ({threads_title(name)})" for name, figures in timed.items()
    ]
    return ", ".join(parts) or None
