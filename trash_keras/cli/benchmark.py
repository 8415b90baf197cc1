"""Times model files side by side (inference latency), or this package and its peers.

    trash-keras benchmark MODEL MODEL... [--threads=1,2] [--output=FILE.json]
    trash-keras benchmark --suite=input,train,inference,startup [--peers] --output=DIR [MODEL...]

MODEL is a .keras, .tflite or .onnx file or a SavedModel folder. Each runs in a process of its own,
and they take turns, so that the ratios to the first hold on a busy machine, too. Compare
milliseconds within one call only.

A suite measures in the same way what this package does and what Keras, PyTorch and others do, and
writes DIR/benchmark.json and DIR/benchmark.md. A ratio above 1 is always better for this package.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import define_trust, reject_useless
from trash_keras.host import cores
from trash_keras.storage import local
from trash_keras.storage.names import printable

THREADS = flags.DEFINE_list("threads", "1,2", "Numbers of CPU threads (or cores) to time with.")
ROUNDS = flags.DEFINE_integer(
    "rounds",
    None,
    "Turns that each gets; of models, five images each. Default: 12 for models, 3 for suites.",
    1,
    100_000,
)
TRUST = define_trust()
OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file to write the figures to; with --suite a folder."
)
SUITE = flags.DEFINE_list(
    "suite", None, "What to measure beside peers: input, train, inference, startup."
)
PEERS = flags.DEFINE_bool(
    "peers",
    False,
    "Also measure PyTorch, ONNX Runtime and OpenVINO, where they are installed (extra bench). "
    "Without, the peers are Keras, TensorFlow and Pillow.",
)
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Class folders to measure with; of TrashNet, training is timed to 84.15%, "
    "too. Default: drawn images.",
)  # fmt: skip
IMAGES = flags.DEFINE_integer("images", 1000, "Drawn images of 512x384 pixels.", 60, 10**6)
GROWTH = flags.DEFINE_integer(
    "growth", 4, "Times as many images in the largest data set; 1 measures no growth.", 1, 1000
)
GROUPS = {"Suites": (SUITE, PEERS, DATA_DIR, IMAGES, GROWTH), "Both": (THREADS, ROUNDS, OUTPUT)}


def main(models: Sequence[str]) -> None:
    """Times the models, or runs the suites, and prints a table."""
    if not all(count.isdecimal() and 0 < int(count) <= 1024 for count in THREADS.value):
        raise ValueError(
            "--threads takes numbers from 1 to 1024, as in 1,2. "
            f"Received: {','.join(THREADS.value)}"
        )
    threads = sorted({int(count) for count in THREADS.value})
    if SUITE.value:
        _run_suites(models, threads)
    else:
        _time_models(models, threads)


def _time_models(models: Sequence[str], threads: Sequence[int]) -> None:
    if not models:
        raise ValueError("Name at least one model: trash-keras benchmark MODEL MODEL...")
    reject_useless((PEERS, DATA_DIR, IMAGES, GROWTH), "without --suite")
    from trash_keras.data import file_roles
    from trash_keras.evaluation import benchmark

    for model in models:
        file_roles.require("model", model)
    file_roles.require_target("output", OUTPUT.value or "", ("json",))
    found = benchmark.measure(
        {model: model for model in models},
        threads,
        ROUNDS.value or benchmark.ROUNDS,
        trust_model=TRUST.value,
    )
    print(printable(benchmark.table(found), keep="\n"))
    if OUTPUT.value:
        local.write_json(OUTPUT.value, {"machine": benchmark.machine(), "models": found})


def _run_suites(models: Sequence[str], threads: Sequence[int]) -> None:
    if not OUTPUT.value:
        raise ValueError("A suite needs --output=DIR, the folder to write its figures to.")
    local.require_folder("output", OUTPUT.value)
    reject_useless((TRUST,), "with --suite")
    with launch.quiet_imports():
        from trash_keras.benchmarks import suites
        from trash_keras.benchmarks.settings import Settings

    settings = Settings(
        Path(OUTPUT.value),
        tuple(SUITE.value),
        PEERS.value,
        images=IMAGES.value,
        growth=GROWTH.value,
        cores=tuple(n for n in threads if THREADS.present or n <= cores.available()),
        data_dir=DATA_DIR.value or "",
        models=tuple(models),
    )
    print(printable(suites.run_and_write(settings, ROUNDS.value, OUTPUT.value), keep="\n"))
