"""Weights & Biases callbacks, or none."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import keras

from trash_keras import files


@contextlib.contextmanager
def tracking(
    mode: str, project: str, workdir: Path, settings: dict[str, Any]
) -> Iterator[list[keras.callbacks.Callback]]:
    """Opens the run's Weights & Biases log for the time of training.

    Args:
        mode: disabled, offline or online.
        project: Project name.
        workdir: Folder of the run; the log and the run's id are kept in it, so that resuming
            continues the same W&B run.
        settings: The configuration to record.

    Yields:
        Callbacks for `fit`: none when disabled.

    Raises:
        ImportError: wandb is not installed.
    """
    if mode == "disabled":
        yield []
        return
    try:
        import wandb
        from wandb.integration.keras import WandbMetricsLogger
    except ImportError as error:
        raise ImportError("--wandb_mode needs Weights & Biases: pip install wandb") from error

    id_file = workdir / "wandb_run_id.txt"
    if not id_file.exists():
        files.write_text(id_file, uuid.uuid4().hex[:8])
    # wandb also takes these from its own environment variables, which stay in force.
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", project),
        mode=cast(Literal["offline", "online"], mode),
        dir=workdir,
        id=id_file.read_text().strip(),
        resume="allow",
        config=settings,
    )
    failed = 1
    try:
        yield [WandbMetricsLogger()]
        failed = 0
    finally:
        run.finish(exit_code=failed)
