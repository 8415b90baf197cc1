"""Cross-validation: trains a classifier for each fold, scores every image.

    trash-keras cross_validate --data_dir=DIR --workdir=CV [--split_method=grouped]

Takes all flags of `trash-keras train`; each of --seeds makes other folds. Folds are stratified by
class; with --split_method=grouped near-duplicates stay in one fold, and with
--split_method=leave_one_source_out each of several sources is scored by a model that was trained on
the others. The same command again continues where a killed one stopped; more --seeds add folds;
started in parallel, processes share the folds. Everything is written to WORKDIR, a folder for each
fold.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras import config
from trash_keras.cli import launch
from trash_keras.cli.flags import define_config, read_config, reject_positional_arguments

define_config(config.CrossValidationConfig)
WORKDIR = flags.DEFINE_string("workdir", "runs/cross_validation", "Folder for all that is written.")
GROUPS = {"Output": (WORKDIR,)}


def main(paths: Sequence[str]) -> None:
    """Runs the cross-validation that the flags describe."""
    reject_positional_arguments(paths)
    settings = read_config(config.CrossValidationConfig)

    with launch.quiet_imports():
        from trash_keras.metrics import cross_validation
        from trash_keras.reporting import by_source, cross_validation_page
        from trash_keras.training.cross_validation import cross_validate

    report = cross_validate(settings, WORKDIR.value, launch.command())
    lines = [cross_validation_page.summary(report), *by_source.summary(report.get("sources", {}))]
    print("\n".join([*lines, f"Page: {WORKDIR.value}/{cross_validation.PAGE}"]))
