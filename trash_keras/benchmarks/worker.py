"""The process of a contender: python -m trash_keras.benchmarks.worker TARGET OPTIONS CORES."""

import importlib
import json
import os
import sys

from trash_keras.evaluation import workers


def limit_cores(count: int) -> None:
    """Lets this process and its children use the first `count` of its CPU cores; 0 for all."""
    if count and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def _prepare(target: str, options: str, count: int) -> workers.Answer:
    # Before anything is imported that counts cores.
    limit_cores(count)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # As `trash-keras` has it; for Keras' own contenders, too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    module, function = target.split(":")
    turn = getattr(importlib.import_module(f"trash_keras.benchmarks.{module}"), function)(
        **json.loads(options)
    )
    return lambda request: turn()


if __name__ == "__main__":
    workers.serve(lambda: _prepare(sys.argv[1], sys.argv[2], int(sys.argv[3])))
