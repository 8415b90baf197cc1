"""A run in Weights & Biases: its epochs, its best model, its evaluation, its exports."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from trash_keras import files
from trash_keras.evaluation.heat_maps import HeatMaps
from trash_keras.evaluation.predictions import Predictions
from trash_keras.tracking import wandb_artifacts, wandb_tables
from trash_keras.tracking.trackers import ReadPictures
from trash_keras.tracking.wandb_answers import attempt
from trash_keras.tracking.wandb_runs import TrackedRun

EPOCHS_FILE = "wandb_epochs_logged.txt"


class WandbTracker:
    """Shows a run in W&B; what fails there is said and never stops the run.

    Args:
        tracked: The open run.
        workdir: Folder of the run.
        data: From `fingerprint.of`; for the summary.
    """

    def __init__(self, tracked: TrackedRun, workdir: Path, data: Mapping[str, Any]) -> None:
        self._tracked, self._workdir, self._data = tracked, workdir, data

    def callback(self) -> keras.callbacks.Callback:
        """Returns the logger of epochs."""
        return EpochLogger(self._tracked, self._workdir)

    def evaluation(
        self,
        predictions: Mapping[str, Predictions],
        read_pictures: ReadPictures,
        explained: HeatMaps | None,
    ) -> None:
        """Logs epochs still missing, the best model, and tables and charts of each split."""
        attempt("the evaluation", self._tracked.ensure_alive)
        epochs = EpochLogger(self._tracked, self._workdir)
        epochs.catch_up()
        attempt("the evaluation", lambda: self._log_tables(predictions, read_pictures, explained))
        attempt("the data", self._summarize_data)
        attempt("the model", lambda: self._log_model(epochs.rows()))

    def _log_tables(
        self,
        predictions: Mapping[str, Predictions],
        read_pictures: ReadPictures,
        explained: HeatMaps | None,
    ) -> None:
        found: dict[str, Any] = {}
        for split, answers in predictions.items():
            if split == "train" and len(predictions) > 1:
                continue  # pictures that were learned say little
            shown = [answers.paths[index] for index in wandb_tables.shown(answers)]
            found |= wandb_tables.entries(split, answers, read_pictures(shown), explained)
        step = len(EpochLogger(self._tracked, self._workdir).rows())
        self._tracked.run.log(found, step=step, commit=True)

    def _summarize_data(self) -> None:
        data = {f"data/{name}": value for name, value in self._data.items()}
        self._tracked.run.summary.update(data)

    def _log_model(self, rows: list[dict[str, Any]]) -> None:
        # Not by WandbModelCheckpoint: it saves the model that `fit` trains, which in the first
        # phase is the head alone, with its optimizer and without the contract, and its best
        # starts anew with each phase. `Record` has written the best of all to model.keras.
        best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
        model, aliases = self._workdir / "model.keras", ["best", f"epoch_{best['epoch']}"]
        wandb_artifacts.log(self._tracked, "model", "model", [model], best, aliases)


class EpochLogger(keras.callbacks.Callback):
    """Logs the rows of `metrics.csv` that W&B does not have yet.

    Names and axis are those of `WandbMetricsLogger`. That one logs what `fit` hands it, so a
    resumed run would lack or repeat the epoch in which it was killed. Here the record is the
    truth: rows are counted as they are logged, in a file of the workdir; of a run that the server
    has resumed, the server's count is taken.

    Args:
        tracked: The open run.
        workdir: Folder of the run, with its `metrics.csv`.
    """

    def __init__(self, tracked: TrackedRun, workdir: Path) -> None:
        super().__init__()
        self._tracked = tracked
        self._metrics, self._counter = workdir / "metrics.csv", workdir / EPOCHS_FILE

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Defines the axis, and logs what a killed process recorded and did not log."""
        attempt("the axis", self._define_axis)
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
        kinds = {"phase": str, "epoch": int}
        return [{name: kinds.get(name, float)(row[name]) for name in row} for row in rows]

    def catch_up(self) -> None:
        """Logs all rows that are not logged; an epoch is its step."""
        attempt("an epoch", self._catch_up)

    def _catch_up(self) -> None:
        rows, run = self.rows(), self._tracked.run
        for row in rows[self._logged() :]:
            metrics = {f"epoch/{name}": value for name, value in row.items()}
            run.log(metrics, step=row["epoch"], commit=True)
            files.write_text(self._counter, str(row["epoch"] + 1))

    def _logged(self) -> int:
        if self._tracked.online:
            return self._tracked.run.step
        return int(self._counter.read_text()) if self._counter.exists() else 0

    def _define_axis(self) -> None:
        self._tracked.run.define_metric("epoch/epoch")
        self._tracked.run.define_metric("epoch/*", step_metric="epoch/epoch")
