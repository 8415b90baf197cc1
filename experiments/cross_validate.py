"""Cross-validates: trains a classifier for each fold of each seed, scores every picture.

    python -m experiments.cross_validate --data_dir=DIR --workdir=CV [--split_method=grouped]

Takes all flags of experiments.train. Folds are stratified by class; with --split_method=grouped
near-duplicates stay in one fold. The same command again goes on where a killed one stopped; more
--seeds add to what is there; started again beside itself it shares the folds. Everything is written
to WORKDIR, a folder for each fold.
"""

import shlex
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import config
from trash_keras import flags as script

WORKDIR = flags.DEFINE_string("workdir", "runs/cross_validation", "Folder for all that is written.")


def main(paths: Sequence[str]) -> None:
    """Runs the cross-validation that the flags describe."""
    script.refuse(paths)
    settings = script.read_config(config.CrossValidationConfig)

    with script.quiet_imports():
        from trash_keras.evaluation import cross_validations, pooling_page
        from trash_keras.training.cross_validation import cross_validate

    command = "python -m experiments.cross_validate " + shlex.join(sys.argv[1:])
    report = cross_validate(settings, WORKDIR.value, command)
    print(f"{pooling_page.summary(report)}\nPage: {WORKDIR.value}/{cross_validations.PAGE}")


if __name__ == "__main__":
    script.define_config(config.CrossValidationConfig)
    script.run(main)
