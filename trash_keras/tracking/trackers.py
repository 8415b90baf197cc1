"""What follows a run while it trains: Weights & Biases, TensorBoard, both or none."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import keras

from trash_keras.config import Config
from trash_keras.data.decoding import ReadImages
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots.saliency_maps import HeatMaps

ID_FILE = "wandb_run_id.txt"  # in the workdir of a run that W&B follows


class Tracker(Protocol):
    """Shows a run; `metrics.csv` and the report hold everything that it shows."""

    def callback(self) -> keras.callbacks.Callback:
        """Returns what `fit` calls after each epoch, after the `CheckpointCallback`."""

    def evaluation(
        self,
        predictions: Mapping[str, Predictions],
        read_images: ReadImages,
        explained: HeatMaps | None,
    ) -> None:
        """Shows how good the trained model is.

        Args:
            predictions: Split -> what the model predicts.
            read_images: Files -> their encoded bytes.
            explained: Heat maps of errors; None for a model that has none.
        """


@contextlib.contextmanager
def open_trackers(
    config: Config, workdir: Path, describe_data: Callable[[], Mapping[str, Any]]
) -> Iterator[list[Tracker]]:
    """Opens the trackers that the settings ask for; they last for training and evaluation.

    Packages of other trackers are not imported.

    Args:
        config: The run; its `tracking` section says where it is shown.
        workdir: Folder of the run, which keeps the logs and the id of the W&B run.
        describe_data: Returns facts about the data; only called by trackers that show them.

    Yields:
        The trackers; none by default.

    Raises:
        ImportError: A package that is asked for is not installed.
        ValueError: W&B does not accept a setting.
    """
    with contextlib.ExitStack() as stack:
        trackers: list[Tracker] = []
        if config.tracking.tensorboard:
            from trash_keras.tracking.tensorboard import TensorBoardTracker

            trackers.append(TensorBoardTracker(workdir / "tensorboard"))
        if config.tracking.wandb_mode != "disabled":
            require_wandb()
            from trash_keras.tracking import wandb_run, wandb_tracker

            data = describe_data()
            recorded = {**_by_flag(config), "data": dict(data)}
            run = stack.enter_context(
                wandb_run.opened(config.tracking, workdir, recorded, live=True)
            )
            if run:
                trackers.append(wandb_tracker.WandbTracker(run, workdir, data))
        yield trackers


def _by_flag(config: Config) -> dict[str, Any]:
    """Returns all settings by flag name, as sweeps name them, too."""
    return {name: value for part in config.to_dict().values() for name, value in part.items()}


def require_wandb() -> None:
    """Raises ImportError with the pip command when the client is missing."""
    try:
        import wandb  # noqa: F401
    except ImportError as error:
        raise ImportError("--wandb_mode needs Weights & Biases: pip install wandb") from error
