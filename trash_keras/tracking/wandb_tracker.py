"""A run in Weights & Biases: its epochs, its evaluation, its best model."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from wandb.integration.keras import WandbMetricsLogger

from trash_keras.data.decoding import ReadImages
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.storage import local
from trash_keras.tracking import wandb_tables
from trash_keras.tracking.wandb_run import TrackedRun, attempt

EPOCHS_FILE = "wandb_epochs_logged.txt"


class WandbTracker:
    """Shows a run in W&B; failures are printed and never stop the run.

    Args:
        tracked: The open run.
        workdir: Folder of the run.
        data: From `dataset_fingerprint`; for the summary.
    """

    def __init__(self, tracked: TrackedRun, workdir: Path, data: Mapping[str, Any]) -> None:
        self._tracked, self._workdir, self._data = tracked, workdir, data

    def callback(self) -> keras.callbacks.Callback:
        """Returns the logger of epochs."""
        return EpochLogger(self._tracked, self._workdir)

    def evaluation(
        self,
        predictions: Mapping[str, Predictions],
        read_images: ReadImages,
        explained: HeatMaps | None,
    ) -> None:
        """Logs epochs still missing, the best model, and tables and charts of each split."""
        with attempt("the evaluation"):
            self._tracked.go_offline()  # an artifact that is logged online is in no log on disk
        epochs = EpochLogger(self._tracked, self._workdir)
        epochs.catch_up()
        rows = epochs.rows()
        with attempt("the evaluation"):
            found: dict[str, Any] = {}
            for split in predictions:
                if split != "train" or len(predictions) == 1:  # training images say little
                    found |= wandb_tables.entries(split, predictions[split], read_images, explained)
            self._tracked.run.log(found, step=len(rows), commit=True)
        with attempt("the data"):
            data = {f"data/{name}": value for name, value in self._data.items()}
            self._tracked.run.summary.update(data)
        with attempt("the model"):
            # By the conventions of `WandbModelCheckpoint`, not by it. Its `on_epoch_end` begins
            # with `super().on_epoch_end(epoch, logs)`, which saves the model that `fit` trains:
            # in the first phase that is the head alone, with its optimizer and without metadata,
            # and the best starts anew with each phase. Its `_log_ckpt_as_artifact` takes no
            # metadata and returns no artifact whose upload can be waited for.
            best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
            aliases = ["best", f"epoch_{best['epoch']}"]
            model = self._workdir / "model.keras"
            self._tracked.log_artifact("model", "model", [model], best, aliases)


class EpochLogger(WandbMetricsLogger):
    """`WandbMetricsLogger` for the rows of `metrics.csv` that W&B does not have yet.

    The client's callback logs what `fit` hands it, so a resumed run would lack or repeat the
    epoch in which it was killed. Here `metrics.csv` is the truth: rows are counted as they are
    logged, in a file of the workdir; of a run that goes on online, the server's count is taken.

    Args:
        tracked: The open run, which is `wandb.run` too.
        workdir: Folder of the run, with its `metrics.csv`.
    """

    # The client's own count batches even where epochs alone are logged, and Keras waits for the
    # figures of each batch as soon as a callback asks for them.
    on_batch_end = keras.callbacks.Callback.on_batch_end
    on_train_batch_end = keras.callbacks.Callback.on_train_batch_end

    def __init__(self, tracked: TrackedRun, workdir: Path) -> None:
        with attempt("the axis"):
            super().__init__()
        self._tracked = tracked
        self._metrics, self._counter = workdir / "metrics.csv", workdir / EPOCHS_FILE
        self._logged = int(self._counter.read_text()) if self._counter.exists() else 0
        if tracked.online:
            self._logged = tracked.run.starting_step

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Logs what a killed process recorded and did not log."""
        self.catch_up()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Logs the epoch, and earlier ones that could not be logged."""
        self.catch_up()

    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows of `metrics.csv`, numbers as numbers."""
        if not self._metrics.exists():
            return []
        with self._metrics.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        types = {"phase": str, "epoch": int}
        return [{name: types.get(name, float)(row[name]) for name in row} for row in rows]

    def catch_up(self) -> None:
        """Logs all rows that are not logged; an epoch is its step."""
        with attempt("an epoch"):
            for row in self.rows()[self._logged :]:
                # The client's `wandb.log(logs)` gives no step, and each offline log counts from 0.
                self._tracked.run.log({}, step=row["epoch"])
                super().on_epoch_end(row["epoch"], row)
                self._logged = row["epoch"] + 1
                local.write_text(self._counter, str(self._logged))

    def _get_lr(self) -> None:
        """The row has its learning rate; the optimizer's may be that of a later epoch."""
