"""Summarizes a run as a page of Markdown, and says whether it is good enough.

    python -m tools.summarize --workdir=RUN [--minimum_accuracy=0.8 [--enforce]]

A CI job appends the page to its summary, keeps the files, and then enforces the bar: exit
status 1 when the accuracy of the test split is below it.
"""

import sys
from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments

WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
MINIMUM_ACCURACY = flags.DEFINE_float(
    "minimum_accuracy", None, "The bar: least accuracy of the test split, share.", lower_bound=0
)
ENFORCE = flags.DEFINE_bool("enforce", False, "Fail when the run is below --minimum_accuracy.")
flags.mark_flags_as_required(["workdir"])


def main(paths: Sequence[str]) -> None:
    """Prints the page; raises ValueError below an enforced bar."""
    reject_positional_arguments(paths)
    bar = MINIMUM_ACCURACY.value
    if ENFORCE.value and bar is None:
        raise ValueError("--enforce needs a bar: --minimum_accuracy=0.8")

    from trash_keras.metrics import report_file
    from trash_keras.reporting import markdown

    report = report_file.read_report(WORKDIR.value)
    print(markdown.summary(report, report_file.read_export(WORKDIR.value), bar))
    if ENFORCE.value and not markdown.reaches(report, bar):
        raise ValueError(markdown.verdict(report, bar))


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
