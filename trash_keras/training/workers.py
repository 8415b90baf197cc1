"""Several workers: processes, on one machine or many, that train one model together.

TF_CONFIG names them, `tf.distribute.MultiWorkerMirroredStrategy` connects them. All run the same
code. Each reads all images and makes the same global batches, and trains on its own part of each;
so they see what one worker would see. Only the chief, number 0, reads and writes the folder of the
run; the others work in a temporary one, and get from it what an earlier start has left.
"""

import contextlib
import functools
import io
import json
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trash_keras.host import cluster
from trash_keras.storage import local
from trash_keras.storage.names import printable

JOIN_SECONDS = 300.0  # pods and machines of a job start one after the other
PART = 3 * 2**20  # bytes sent at once
FEATURES = Path("backup", "features")  # what all compute together again
STATE = ("*.json", "*.csv", "*.keras", "backup")  # of a run, at its next start
AGAIN = (
    "Start the same command again on all workers: training goes on from the last epoch that is in "
    "the chief's --workdir."
)


@functools.cache  # one process can join once
def join() -> tf.distribute.Strategy:
    """Connects the workers of TF_CONFIG; must come before anything runs on a device.

    Raises:
        ValueError: Some do not come in `JOIN_SECONDS`.
    """
    _wait_for_all(cluster.read())
    return tf.distribute.MultiWorkerMirroredStrategy()


def _wait_for_all(found: cluster.Cluster) -> None:
    """Waits until all are there: TensorFlow itself would wait without end, deaf to signals."""
    port = int(found.addresses[found.index].rpartition(":")[2])
    deadline = time.monotonic() + JOIN_SECONDS
    missing = [each for index, each in enumerate(found.addresses) if index != found.index]
    with socket.create_server(("", port)):
        while missing:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"After {JOIN_SECONDS:.0f} s there is no worker at {', '.join(missing)}, which "
                    f"{cluster.VARIABLE} names. {AGAIN}"
                )
            missing = [each for each in missing if not _answers(each)]
            time.sleep(0.05)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def are_several(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether a strategy is that of `join`."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@contextlib.contextmanager
def folder_of_its_own(workdir: str | Path) -> Iterator[Path]:
    """Gives the chief the folder of the run, and any other worker a temporary one."""
    if cluster.read().is_chief:
        yield Path(workdir)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def share_state(strategy: tf.distribute.Strategy, workdir: Path) -> None:
    """Gives all workers the state that an earlier start has left to the chief."""
    content = io.BytesIO()
    if cluster.read().is_chief:
        local.remove(workdir / FEATURES)
        with tarfile.open(fileobj=content, mode="w") as archive:
            for pattern in STATE:
                for path in [*workdir.glob(pattern), *workdir.glob(f".{pattern}.sha256")]:
                    archive.add(path, path.relative_to(workdir))
    received = broadcast(strategy, content.getvalue())
    if not cluster.read().is_chief:
        with tarfile.open(fileobj=io.BytesIO(received)) as archive:
            archive.extractall(workdir, filter="data")


def require_same(strategy: tf.distribute.Strategy, facts: Any) -> None:
    """Checks that a worker has the settings and images that the chief has.

    Args:
        strategy: Of the run; only that of `join` checks anything.
        facts: What must be the same, for JSON.

    Raises:
        ValueError: They differ.
    """
    if shared(strategy, facts) != facts:
        raise ValueError(
            "This worker has other settings or images than the chief. All workers take the same "
            "flags and a copy of the same images."
        )


def shared(strategy: tf.distribute.Strategy, value: Any) -> Any:
    """Returns the chief's value to all workers, when it has one; a worker alone has its own.

    Args:
        strategy: Of the run.
        value: For JSON; counts on the chief only.
    """
    if not are_several(strategy):
        return value
    return json.loads(broadcast(strategy, json.dumps(value).encode()))


def broadcast(strategy: tf.distribute.Strategy, content: bytes) -> bytes:
    """Sends what the chief has to all workers; each waits until all have called it.

    Args:
        strategy: From `join`.
        content: Counts on the chief only.

    Returns:
        The chief's content.
    """
    length = _sum(strategy, np.array(divmod(len(content), PART)))
    size = int(length[0]) * PART + int(length[1])
    parts = []
    for start in range(0, size, PART):
        count = min(PART, size - start)
        part = content[start : start + count].ljust(-(-count // 3) * 3, b"\0")
        # Three bytes a number: float32 holds those exactly, and every device can add it.
        numbers = np.frombuffer(part, np.uint8).reshape(-1, 3) @ np.array([1, 2**8, 2**16])
        total = _sum(strategy, numbers).astype("<u4")
        parts.append(total.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()[:count])
    return b"".join(parts)


def _sum(strategy: tf.distribute.Strategy, numbers: np.ndarray) -> np.ndarray:
    """Adds what the chief has and nothing of the others; float32 [N]."""
    total = _adder(strategy)(tf.constant(numbers, tf.float32))
    return np.asarray(strategy.experimental_local_results(total)[0])


@functools.cache
def _adder(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], Any]:
    def add(numbers: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        is_first = tf.cast(context.replica_id_in_sync_group == 0, tf.float32)
        return context.all_reduce("SUM", numbers * is_first)

    return tf.function(
        lambda numbers: strategy.run(add, args=(numbers,)),
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )


def prepare_fit(model: keras.Model) -> None:
    """Makes `fit` work for a compiled model of several workers, all of whose variables are made.

    Keras 3 does not support this strategy (keras-team/keras issue 20585). Before the first step it
    reduces a whole batch, and after each it looks for a batch axis in metrics, which have none.
    """
    strategy = model.distribute_strategy
    if not are_several(strategy):
        return

    def make_train_function(force: bool = False) -> None:
        if model.train_function is not None and not force:
            return

        @tf.function(reduce_retracing=True)
        def step(batch: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(model.train_step, args=(batch,))
            return {name: strategy.reduce("MEAN", log, axis=None) for name, log in logs.items()}

        model.train_function = lambda batches: step(next(batches))

    model.make_train_function = make_train_function
    model._maybe_symbolic_build = lambda *_, **__: None


@contextlib.contextmanager
def telling_of_losses() -> Iterator[None]:
    """Makes of TensorFlow's errors for a worker that is gone one that says what to do.

    Raises:
        ValueError: A worker is gone. The others notice in about 20 seconds.
    """
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError, tf.errors.InternalError) as error:  # fmt: skip
        if not cluster.read().is_several:
            raise
        reason = printable(str(error)).partition("\n")[0][:200]
        raise ValueError(f"A worker is gone: {reason}. {AGAIN}") from error
