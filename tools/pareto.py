"""Draws what accuracy costs: the exported files of runs by accuracy, size and time an image.

    python -m tools.pareto --output=DIR [--teacher=RUN] RUN RUN...

RUN is the workdir of a training run whose files `trash-keras export` scored and timed. Times of
different calls are worth comparing only if the machine was idle at all of them.
"""

import sys
from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch

OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for frontier.png, frontier.md and frontier.json."
)
TEACHER = flags.DEFINE_string("teacher", None, "Workdir of the run that taught, for reference.")
KINDS = flags.DEFINE_list(
    "kinds", "float32,float16,dynamic,int8", "Which exported files of each run to show."
)
flags.mark_flags_as_required(["output"])


def main(folders: Sequence[str]) -> None:
    """Prints the table, and writes it with its figure."""
    from trash_keras import files
    from trash_keras.evaluation import figures, frontier, frontier_figure

    points = frontier.read(folders, KINDS.value)
    teacher = frontier.read_teacher(TEACHER.value) if TEACHER.value else None
    table, output = frontier.table(points, teacher), OUTPUT.value
    figures.save(frontier_figure.frontier(points, teacher), f"{output}/frontier.png")
    files.write_text(f"{output}/frontier.md", table + "\n")
    files.write_json(f"{output}/frontier.json", {"files": points, "teacher": teacher})
    print(table)
    print(f"Figure: {output}/frontier.png")


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
