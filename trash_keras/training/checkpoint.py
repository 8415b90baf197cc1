"""Checkpoints: the state of a run on disk at every epoch boundary, so that it resumes exactly.

One small file, `backup/<phase>/state.json`, is the truth: it names the weights file and holds
every row of `metrics.csv` so far. It is replaced in one step after its weights file stands, so a
kill at any moment leaves the state of a whole epoch. `metrics.csv` and `model.keras` follow from
it and are made again from it when the run resumes. `before.json` is the state of the epoch before,
which counts where the last one is damaged; where both are, the phase begins again.

`keras.callbacks.BackupAndRestore` writes weights and epoch number one after the other; a kill
between the two makes it train an epoch twice.
"""

import csv
import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from trash_keras.storage import checksums, local, text_files
from trash_keras.training import ema
from trash_keras.training.diverged import REMEDY

COLUMNS = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


class CheckpointManager:
    """The rows of a run, the best model by validation, and the state to resume from.

    Args:
        workdir: Folder of the run.
        save_best: Writes `model.keras`; called when the epoch that just ended is the best yet.
    """

    def __init__(self, workdir: Path, save_best: Callable[[], None]) -> None:
        self._workdir, self._backup = workdir, workdir / "backup"
        self._save_best = save_best
        phases = {path.parent.name for path in self._backup.glob("*/state.json")}
        found = {phase: self._newest(phase) for phase in phases}
        self._states = {phase: state for phase, state in found.items() if state}
        histories = [state["rows"] for state in self._states.values()]
        self.rows: list[dict[str, Any]] = max(histories, key=len, default=[])
        self._begin_again_without_best()

    def is_past(self, phase: str) -> bool:
        """Returns whether a later phase has begun, whose state includes the result of this one."""
        phases = [row["phase"] for row in self.rows]
        return phase in phases and phases[-1] != phase

    def restore(self, phase: str, model: keras.Model) -> int | None:
        """Restores a model to the last epoch boundary of a phase.

        Args:
            phase: Name of the phase; not one that is past.
            model: Compiled and built; gets weights and optimizer state.

        Returns:
            The epoch to continue with, or None when the phase has not begun.

        Raises:
            ValueError: The weights are those of another model.
        """
        state = self._states.get(phase)
        if not state:
            return None
        model.optimizer.build(model.trainable_variables)
        weights = self._folder(phase) / state["weights"]
        try:
            model.load_weights(weights)
        except ValueError as error:
            raise ValueError(
                f"The checkpoint {weights} does not fit this model; an earlier version may have "
                "written it. End the run with that version, or begin again in another --workdir."
            ) from error
        self._write_outputs(model)
        return self.rows[-1]["epoch"] + 1

    def add(self, phase: str, model: keras.Model, row: dict[str, Any]) -> None:
        """Commits an epoch.

        Args:
            phase: Name of the phase.
            model: The model in training; its weights and optimizer state are kept.
            row: Values for `COLUMNS`, and `seconds`.
        """
        self.rows.append({"phase": phase, **row})
        weights = f"epoch-{row['epoch']:04d}.weights.h5"
        folder = self._folder(phase)
        with local.atomic_write(folder / weights, checked=True) as temporary:
            model.save_weights(temporary)
        before = self._states.get(phase)
        if before:
            local.write_json(folder / "before.json", before, checked=True)
        self._states[phase] = {"weights": weights, "rows": list(self.rows)}
        local.write_json(folder / "state.json", self._states[phase], checked=True)
        for old in folder.glob("*.weights.h5"):
            if old.name not in (weights, before and before["weights"]):
                local.remove(old)
        self._write_outputs(model)

    def best(self) -> dict[str, Any]:
        """Returns the row of the best epoch: highest validation accuracy, then lowest loss."""
        return max(self.rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))

    def _write_outputs(self, model: keras.Model) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        local.write_text(self._workdir / "metrics.csv", text.getvalue(), checked=True)
        # The model stands at the last row's epoch, here and on resuming alike.
        if self.best() is self.rows[-1]:
            with ema.swapped_ema_weights(model):
                self._save_best()

    def _newest(self, phase: str) -> dict[str, Any] | None:
        """Returns the last state of a phase that is whole; None after a line that says so."""
        folder = self._folder(phase)
        for name in ("state.json", "before.json"):
            try:
                checksums.require(folder / name)
                state = text_files.from_json((folder / name).read_text(encoding="utf-8"))
                if checksums.is_whole(folder / state["weights"]):
                    return state
            except (OSError, ValueError):
                pass
            print(f"The checkpoint {folder / name} is damaged or incomplete.", flush=True)
        print(f"The phase {phase} begins again.", flush=True)
        local.remove(folder)
        return None

    def _begin_again_without_best(self) -> None:
        """Lets all phases begin again where the best model is damaged and was not the last."""
        best = self._workdir / "model.keras"
        if self.rows and self.best() is not self.rows[-1] and not checksums.is_whole(best):
            print(f"{best} is damaged or gone, so training begins again.", flush=True)
            for phase in self._states:
                local.remove(self._folder(phase))
            self.rows, self._states = [], {}

    def _folder(self, phase: str) -> Path:
        return self._backup / phase


class CheckpointCallback(keras.callbacks.Callback):
    """Scores validation and commits the epoch; comes before callbacks that read `val_*` logs.

    Validation is scored by the same code as the final report, so that both mean the same by
    accuracy and loss: every image once, without class weights or label smoothing.

    Args:
        checkpoints: Where epochs are committed.
        phase: Name of the phase.
        validate: Returns {"accuracy": ..., "loss": ...} on the validation split.
    """

    def __init__(
        self, checkpoints: CheckpointManager, phase: str, validate: Callable[[], dict[str, float]]
    ) -> None:
        super().__init__()
        self._checkpoints, self._phase, self._validate = checkpoints, phase, validate
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Notes the time and sets random layers to the state that an uninterrupted run has."""
        self._started = time.monotonic()
        # Keras does not save the counters of Dropout and the like, so each epoch sets them.
        for index, variable in enumerate(self.model.variables):
            if variable.path.endswith("seed_generator_state"):
                variable.assign([index, epoch * 1_000_000])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Adds `val_accuracy`, `val_loss` and `learning_rate` to the logs and commits the row.

        Raises:
            ValueError: A loss is not a finite number.
        """
        logs = {} if logs is None else logs
        scores = self._validate()
        logs["val_accuracy"], logs["val_loss"] = scores["accuracy"], scores["loss"]
        if not (math.isfinite(logs["loss"]) and math.isfinite(logs["val_loss"])):
            raise ValueError(
                f"Training diverged in epoch {epoch + 1}: the loss is {logs['loss']}, that of "
                f"validation {logs['val_loss']}. {REMEDY}"
            )
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        seconds = round(time.monotonic() - self._started, 1)
        self._checkpoints.add(self._phase, self.model, {"epoch": epoch, **logs, "seconds": seconds})
