"""Times model files side by side (inference latency), one image at a time.

    trash-keras benchmark MODEL MODEL... [--threads=1,2] [--output=FILE.json]

MODEL is a .keras, .tflite or .onnx file or a SavedModel folder. Each runs in a process of its own,
and they take turns, so that the ratios to the first hold on a busy machine, too. Compare
milliseconds within one call only.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.cli.flags import define_trust
from trash_keras.storage import local
from trash_keras.storage.names import printable

THREADS = flags.DEFINE_list("threads", "1,2", "Numbers of CPU threads to time with.")
ROUNDS = flags.DEFINE_integer(
    "rounds", 12, "Turns of five images that each model gets.", 1, 100_000
)
TRUST = define_trust()
OUTPUT = flags.DEFINE_string("output", None, "JSON file to write the figures to.")


def main(models: Sequence[str]) -> None:
    """Times the models and prints a table."""
    if not models:
        raise ValueError("Name at least one model: trash-keras benchmark MODEL MODEL...")
    if not all(count.isdecimal() and 0 < int(count) <= 1024 for count in THREADS.value):
        raise ValueError(
            "--threads takes numbers from 1 to 1024, as in 1,2. "
            f"Received: {','.join(THREADS.value)}"
        )

    from trash_keras.data import file_roles
    from trash_keras.evaluation import benchmark

    for model in models:
        file_roles.require("model", model)
    file_roles.require_target("output", OUTPUT.value or "", ("json",))
    threads = sorted({int(count) for count in THREADS.value})
    found = benchmark.measure(
        {model: model for model in models}, threads, ROUNDS.value, trust_model=TRUST.value
    )
    print(printable(benchmark.table(found), keep="\n"))
    if OUTPUT.value:
        local.write_json(OUTPUT.value, {"machine": benchmark.machine(), "models": found})
