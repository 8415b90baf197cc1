"""Compares finished runs on one split: metrics, settings, significance.

    trash-keras compare RUN RUN... [--split=test] [--output=DIR]

RUN is the workdir of a training run, or the output folder of `trash-keras evaluate`. Choose between
runs by --split=valid; the test split then tells how good the chosen one is.
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.storage.names import printable

SPLIT = flags.DEFINE_enum(
    "split", "test", ("train", "valid", "test", "all"), "Split to compare on."
)
OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for comparison.html, comparison.json and a figure. Default: text only."
)


def main(folders: Sequence[str]) -> None:
    """Prints the comparison, and writes it when asked to."""
    from trash_keras.metrics import comparison
    from trash_keras.reporting import comparison_page
    from trash_keras.storage import local

    local.require_folder("output", OUTPUT.value or "")
    compared = comparison.compare(folders, SPLIT.value)
    print(printable(comparison_page.text(compared), keep="\n"))
    if OUTPUT.value:
        comparison_page.write(compared, OUTPUT.value)
        print(f"Page: {OUTPUT.value}/comparison.html")
