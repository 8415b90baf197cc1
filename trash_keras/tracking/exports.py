"""What an export writes -> artifacts of the W&B run that trained the model."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trash_keras import config
from trash_keras.tracking import trackers


def log_exports(workdir: str | Path, facts: Mapping[str, Any]) -> None:
    """Adds the exports of a run that was tracked to its W&B run; of any other run, does nothing.

    Args:
        workdir: Folder of the run.
        facts: Content of `export.json`. What it says of a format (sizes, differences, accuracies)
            becomes metadata of its artifact; the numbers go into the summary.

    Raises:
        ImportError: The client is not installed.
        ValueError: W&B does not accept a setting.
    """
    workdir = Path(workdir)
    if not (workdir / trackers.ID_FILE).exists():
        return
    settings = config.load(workdir / "config.json").tracking
    if "disabled" in (settings.wandb_mode, os.environ.get("WANDB_MODE")):
        return
    trackers.require_wandb()
    from trash_keras.tracking import wandb_run

    shared = [workdir / "export" / name for name in ("labels.txt", "export.json")]
    with wandb_run.opened(settings, workdir, {}, live=False) as tracked:
        if tracked is None:
            return
        for name, found in facts["kinds"].items():
            with wandb_run.attempt(f"the export {name}"):
                tracked.run.summary.update(_numbers(name, found))
                paths = [workdir / "export" / found["path"], *shared]
                metadata = {**found, "input": facts["input"], "output": facts["output"]}
                tracked.log_artifact(name, "export", paths, metadata, [name])


def _numbers(export: str, found: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
    for threads, times in found.get("latency", {}).items():
        numbers |= {f"{threads}_{name}": value for name, value in times.items()}
    return {f"export/{export}/{name}": value for name, value in numbers.items()}
