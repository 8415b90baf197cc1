"""Training that diverged: which step, at which learning rate, on which images."""

import math
from collections.abc import Callable

import keras

REMEDY = (
    "Start again in another --workdir with a smaller --head_learning_rate or "
    "--finetune_learning_rate."
)
SHOWN = 8  # images of the batch


class StopWhenDiverged(keras.callbacks.Callback):
    """Stops at the first step whose loss is no finite number; that model is never saved.

    Args:
        batch_paths: Returns the images of (epoch, step in the epoch).
        steps: Steps of an epoch.
    """

    def __init__(self, batch_paths: Callable[[int, int], list[str]], steps: int) -> None:
        super().__init__()
        self._batch_paths, self._steps, self._epoch = batch_paths, steps, 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Notes the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Looks at the loss, which is the mean of the epoch so far.

        Raises:
            ValueError: It is not finite.
        """
        loss = float((logs or {}).get("loss", 0.0))
        if math.isfinite(loss):
            return
        first = batch + 1 - self.model.steps_per_execution
        steps = range(first, batch + 1)
        paths = [path for step in steps for path in self._batch_paths(self._epoch, step)]
        where = f"step {batch + 1}" if first == batch else f"steps {first + 1} to {batch + 1}"
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        raise ValueError(
            f"Training diverged in epoch {self._epoch + 1}, {where} of {self._steps}, at a "
            f"learning rate of {float(self.model.optimizer.learning_rate):.3g}: the loss is "
            f"{loss}. The images of {where}: {', '.join(paths[:SHOWN])}{more}. {REMEDY}"
        )
