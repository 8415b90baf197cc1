"""What training says while it goes on: a line an epoch, and on a terminal a bar within it."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import keras
from tqdm import tqdm

from trash_keras.host import terminal
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.stages import Phase


class EpochLines(keras.callbacks.Callback):
    """Prints phase, epoch, validation accuracy, the best so far, and the time left.

    Comes after what commits an epoch.

    Args:
        phases: Those of the run, in their order.
        checkpoints: Where epochs are committed.
    """

    def __init__(self, phases: Sequence[Phase], checkpoints: CheckpointManager) -> None:
        super().__init__()
        self._phases, self._checkpoints = phases, checkpoints
        self._bar: tqdm | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Shows an empty bar."""
        title = f"Epoch {epoch + 1}/{self._phases[-1].last_epoch}"
        steps = self.params["steps"]
        # In a log file the line at the end of the epoch is enough.
        self._bar = tqdm(total=steps, desc=title, unit="step", leave=False, disable=None)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Takes the bar away and prints the line."""
        if self._bar is not None:
            self._bar.close()
        terminal.write(epoch_line(self._checkpoints.rows, self._checkpoints.best(), self._phases))


def epoch_line(
    rows: Sequence[dict[str, Any]], best: dict[str, Any], phases: Sequence[Phase]
) -> list[terminal.Part]:
    """Returns the line of the last epoch.

    Args:
        rows: Of `CheckpointManager`, one an epoch so far.
        best: The best of them.
        phases: Those of the run, in their order.
    """
    row, last = rows[-1], phases[-1].last_epoch
    digits = len(str(last))
    (phase,) = (phase for phase in phases if phase.name == row["phase"])
    return [
        (f"{phase.name:{max(len(each.name) for each in phases)}} ", "bold"),
        (f"{row['epoch'] + 1:{digits}}/{last}: ", ""),
        (f"valid accuracy {row['val_accuracy']:6.1%}", "green" if row is best else ""),
        (f", best {best['val_accuracy']:6.1%} (epoch {best['epoch'] + 1:{digits}})", ""),
        (_time_left(rows, phase, is_last=phase is phases[-1]), "dim"),
    ]


def _time_left(rows: Sequence[dict[str, Any]], phase: Phase, *, is_last: bool) -> str:
    """Returns the time that the phase still takes: how long another one takes is not known yet."""
    # The median, since a first epoch also builds the graph.
    seconds = statistics.median(row["seconds"] for row in rows if row["phase"] == phase.name)
    epochs = phase.last_epoch - rows[-1]["epoch"] - 1
    if not epochs:
        return ""
    return f", {_duration(seconds * epochs)} left{'' if is_last else f' of {phase.name}'}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
