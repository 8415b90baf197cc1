"""Trains a classifier on class folders by transfer learning, and reports on it.

    trash-keras train --data_dir=DIR --workdir=RUN [--preset=best]

A pretrained backbone gets a new head; then both are fine-tuned. The same command again continues
where a killed one stopped. Everything is written to WORKDIR.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import define_config, read_config, reject_positional_arguments
from trash_keras.host import terminal
from trash_keras.storage.addresses import public_value
from trash_keras.storage.names import printable

define_config()
WORKDIR = flags.DEFINE_string("workdir", "runs/train", "Folder for all that the run writes.")
GROUPS = {"Output": (WORKDIR,)}


def main(paths: Sequence[str]) -> None:
    """Runs the training that the flags describe."""
    reject_positional_arguments(paths)
    config = read_config()

    with launch.quiet_imports():
        from trash_keras.training.trainer import train_and_evaluate

    _end(train_and_evaluate(config, WORKDIR.value, launch.command()), WORKDIR.value)


def _end(report: Mapping[str, Any], workdir: str) -> None:
    """Prints what came out, where the report is, and what to do next."""
    from trash_keras.metrics import classification
    from trash_keras.reporting import by_source, verdict

    found = report.get("sources", {})
    for split in ("train", "valid", "test"):
        if split not in report:  # a fold of a cross-validation lacks the first
            continue
        style = "bold" if split == "test" else ""
        terminal.write([(classification.summary(split, report[split]), style)])
        for line in by_source.summary(found.get(split, {})):
            print(printable(line))
    print(printable(verdict.weakest_class(report["test"], "test")))
    place = public_value(workdir)
    print(printable(f"Report: {place}/report.html"))
    print("Next:")
    for verb, flag, rest in (
        ("predict", f"--model={place}/model.keras", " IMAGE_OR_FOLDER"),
        ("export", f"--workdir={place}", ""),
    ):
        line = printable(f"  trash-keras {verb} {shlex.quote(flag)}{rest}")
        terminal.write([(line, "cyan")], to_copy=True)
