"""What an export writes -> artifacts of the W&B run that trained the model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trash_keras import config as configuration
from trash_keras.tracking import trackers

SHARED_FILES = ("labels.txt", "export.json")


def log_exports(workdir: str | Path, facts: Mapping[str, Any]) -> None:
    """Adds the exports of a run that was tracked to its W&B run; of any other run, does nothing.

    Args:
        workdir: Folder of the run.
        facts: Content of `export.json`. What it says of a kind, sizes and differences and
            accuracies, becomes metadata of its artifact; the numbers go into the summary.

    Raises:
        ImportError: The client is not installed.
        ValueError: W&B does not accept a setting.
    """
    workdir = Path(workdir)
    if not (workdir / trackers.ID_FILE).exists():
        return
    settings = configuration.load(workdir / "config.json").tracking
    mode = settings.wandb_mode
    if "disabled" in (mode, os.environ.get("WANDB_MODE")):
        return
    trackers.require_wandb()
    from trash_keras.tracking import wandb_runs

    with wandb_runs.opened(settings, mode, workdir, {}) as tracked:
        if tracked:
            for kind in facts["kinds"]:
                _log_kind(tracked, workdir / "export", kind, facts)


def _log_kind(tracked: Any, folder: Path, kind: str, facts: Mapping[str, Any]) -> None:
    from trash_keras.tracking import wandb_artifacts
    from trash_keras.tracking.wandb_answers import attempt

    found = facts["kinds"][kind]
    metadata = {**found, "input": facts["input"], "output": facts["output"]}
    paths = [folder / found["path"], *(folder / name for name in SHARED_FILES)]
    numbers = {
        f"export/{kind}/{name}": value
        for name, value in found.items()
        if isinstance(value, int | float)
    }
    for threads, figures in found.get("latency", {}).items():
        numbers |= {f"export/{kind}/{threads}_{name}": value for name, value in figures.items()}
    attempt(f"sizes of {kind}", lambda: tracked.run.summary.update(numbers))
    attempt(
        f"the export {kind}",
        lambda: wandb_artifacts.log(tracked, kind, "export", paths, metadata, [kind]),
    )
