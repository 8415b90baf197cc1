"""Files of a run -> W&B artifacts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from trash_keras.tracking.wandb_runs import TrackedRun


def log(
    tracked: TrackedRun,
    name: str,
    kind: str,
    paths: Sequence[Path],
    metadata: Mapping[str, Any],
    aliases: Sequence[str],
) -> None:
    """Logs files as an artifact.

    Args:
        tracked: The open run.
        name: What it is; the artifact is called `run_ID_NAME`, as wandb calls checkpoints.
        kind: Type of the artifact.
        paths: Files and folders, which nothing may change until they are sent.
        metadata: Facts that are shown with it.
        aliases: Names of this version, beside `latest`.
    """
    artifact = wandb.Artifact(f"run_{tracked.run.id}_{name}", kind, metadata=dict(metadata))
    for path in paths:
        if path.is_dir():
            artifact.add_dir(str(path), name=path.name, policy="immutable")
        else:
            artifact.add_file(str(path), policy="immutable")  # not copied before it is sent
    tracked.log_artifact(artifact, ["latest", *aliases])
