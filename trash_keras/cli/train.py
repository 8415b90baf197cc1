"""Trains a classifier on class folders by transfer learning, and reports on it.

    trash-keras train --data_dir=DIR --workdir=RUN [--preset=best]

A pretrained backbone gets a new head; then both are fine-tuned. The same command again continues
where a killed one stopped. Everything is written to WORKDIR.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch, local_workers
from trash_keras.cli.flags import define_config, read_config, reject_positional_arguments

define_config()
WORKDIR = flags.DEFINE_string("workdir", "runs/train", "Folder for all that the run writes.")
WORKERS = flags.DEFINE_integer(
    "workers",
    1,
    "Processes on this machine that train one model together (tf.distribute), for trying that out. "
    "On several machines the variable TF_CONFIG says so, see docs/training.md.",
    1,
    64,
)
GROUPS = {"Output": (WORKDIR,)}


def main(paths: Sequence[str]) -> int | None:
    """Runs the training that the flags describe."""
    reject_positional_arguments(paths)
    config = read_config()
    if local_workers.are_to_start(WORKERS.value):
        return local_workers.run(["train", *launch.given], WORKERS.value)

    with launch.quiet_imports():
        from trash_keras.metrics.classification import summary
        from trash_keras.reporting import by_source
        from trash_keras.training.trainer import train_and_evaluate

    report = train_and_evaluate(config, WORKDIR.value, launch.command())
    found = report.get("sources", {})
    for split in ("train", "valid", "test"):
        if split not in report:  # a fold of a cross-validation lacks the first
            continue
        print(summary(split, report[split]))
        for line in by_source.summary(found.get(split, {})):
            print(line)
    print(f"Report: {WORKDIR.value}/report.html")
    return None
