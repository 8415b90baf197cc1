"""`--profile`: on what the steps of a phase spend their time, as a line and a TensorBoard profile.

The line is about all steps but the first two, which trace and compile. The profile, for which
TensorFlow slows what it records, is of a few of them.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from trash_keras.storage.names import printable

WARM_UP, RECORDED = 2, 10  # steps
PARTS = ("input", "network", "rest")


class StepTimes(keras.callbacks.Callback):
    """Sums up the time of the steps of a phase, and records some of them.

    `input` is the wait for a batch, `network` the step on it, `rest` what Keras and the callbacks
    do between two steps. Validation and checkpoints, between two epochs, are in none of them.

    Args:
        folder: For the profile of the phase.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.steps = 0  # that are in `seconds`
        self._folder, self._number = folder, 0
        self._since: float | None = None
        self._is_recording = False

    def timed(self, train: Callable[[Iterator], dict[str, Any]]) -> Callable[[Iterator], Any]:
        """Returns a `train_function` of Keras that waits for the batch, then for the step."""

        def step(batches: Iterator) -> dict[str, Any]:
            self._begin()
            # The name and `_r` are those by which TensorBoard knows a step.
            with tf.profiler.experimental.Trace("train", step_num=self._number, _r=1):
                started = time.perf_counter()
                batch = next(batches)
                arrived = time.perf_counter()
                # Of an iterator that is not TensorFlow's, Keras takes the next batch itself.
                logs = train(iter([batch]))
                float(logs["loss"])  # waits for the device
            self._end(started, arrived, time.perf_counter())
            return logs

        return step

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Leaves out what came before the first step of an epoch."""
        self._since = None

    def close(self) -> None:
        """Writes what was recorded; of a phase that has ended before, what there is of it."""
        if not self._is_recording:
            return
        self._is_recording = False
        try:
            tf.profiler.experimental.stop()
        except tf.errors.OpError as error:  # a full disk; not worth a run
            print(printable(f"No profile was written to {self._folder}: {error.message}"))

    def _begin(self) -> None:
        if self._number == WARM_UP:
            tf.profiler.experimental.start(self._folder)
            self._is_recording = True

    def _end(self, started: float, arrived: float, ended: float) -> None:
        if self._number >= WARM_UP:
            since = started if self._since is None else self._since
            parts = arrived - started, ended - arrived, started - since
            for name, seconds in zip(PARTS, parts, strict=True):
                self.seconds[name] += seconds
            self.steps += 1
        self._number += 1
        if self._number == WARM_UP + RECORDED:
            self.close()  # takes a while, which is in none of the parts
        self._since = time.perf_counter()


def summary(phase: str, times: StepTimes) -> str:
    """Returns the line of a phase: milliseconds of a step, and the share of each part."""
    if not times.steps:
        return f"Profile of {phase}: it takes more than {WARM_UP} steps, of which the first compile"
    total = sum(times.seconds.values())
    shares = ", ".join(f"{name} {times.seconds[name] / total:.1%}" for name in PARTS)
    milliseconds = 1e3 * total / times.steps
    return f"Profile of {phase}, {times.steps} steps: step {milliseconds:.1f} ms: {shares}"


@contextlib.contextmanager
def of_phase(
    model: keras.Model, phase: str, folder: str
) -> Iterator[list[keras.callbacks.Callback]]:
    """Profiles what `fit` does with a compiled model; the results stay the same.

    Args:
        model: From `Recipe.compile`.
        phase: Name of the phase.
        folder: Of `--profile`; empty does nothing.

    Yields:
        Callbacks for `fit`.
    """
    if not folder:
        yield []
        return
    times = StepTimes(os.path.join(folder, phase))
    model.make_train_function()
    model.train_function = times.timed(model.train_function)
    try:
        yield [times]
    finally:
        times.close()
        model.train_function = None
    print(summary(phase, times), flush=True)
