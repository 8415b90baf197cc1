"""Trains a classifier on class folders and reports on it.

    python -m experiments.train --data_dir=DIR --workdir=RUN

The same command again goes on where a killed one stopped. Everything is written to WORKDIR.
"""

import shlex
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

WORKDIR = flags.DEFINE_string("workdir", "runs/train", "Folder for all that the run writes.")


def main(paths: Sequence[str]) -> None:
    """Runs the training that the flags describe."""
    script.refuse(paths)
    config = script.read_config()

    with script.quiet_imports():
        from trash_keras.evaluation.report import summary
        from trash_keras.training.loop import train_and_evaluate

    command = "python -m experiments.train " + shlex.join(sys.argv[1:])
    report = train_and_evaluate(config, WORKDIR.value, command)
    for split in ("train", "valid", "test"):
        print(summary(split, report[split]))
    print(f"Report: {WORKDIR.value}/report.html")


if __name__ == "__main__":
    script.define_config()
    script.run(main)
