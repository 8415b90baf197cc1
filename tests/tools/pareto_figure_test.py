import numpy as np
import pytest
from matplotlib.colors import to_hex

from tools import pareto

TEACHER = {"run": "a $teacher$", "accuracy": 0.95, "accuracy_interval": [0.93, 0.97]}


def files(runs):
    return [
        {"run": f"run {run}", "kind": kind, "accuracy": 0.9 + 0.005 * run, "frontier":
         ["megabytes", "milliseconds"] if kind == "int8" else [],
         "accuracy_interval": [0.87 + 0.005 * run, 0.92 + 0.005 * run],
         "megabytes": size * (run + 1), "milliseconds": 2.0 * (run + 1)}
        for run in range(runs)
        for kind, size in (("float32", 14.0), ("int8", 3.0), ("odd", 9.0))
    ]  # fmt: skip


@pytest.mark.parametrize(("runs", "teacher"), [(1, None), (3, TEACHER), (7, TEACHER)])
def test_every_file_stands_at_its_cost_and_the_line_joins_the_best(runs, teacher):
    points = files(runs)
    figure = pareto.draw(points, teacher)
    for axes, cost in zip(figure.axes, ("megabytes", "milliseconds"), strict=True):
        lines = axes.lines
        assert (lines[0].get_linestyle() == "--") == bool(teacher)
        best = lines[1 if teacher else 0]
        assert best.get_drawstyle() == "steps-post" and len(best.get_xdata()) == runs
        assert list(best.get_ydata()) == sorted(best.get_ydata())
        spots = {(*map(float, np.ravel(line.get_data())), line.get_marker())
                 for line in lines if line.get_marker() != "None"}  # fmt: skip
        assert {spot[:2] for spot in spots} == {(p[cost], p["accuracy"]) for p in points}
        assert {spot[2] for spot in spots} == {"o", "D", "P"}
        assert axes.get_xscale() == "log"
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:runs] == [f"run {run}" for run in range(runs)]
    assert names[runs : runs + 3] == ["float32", "int8", "odd"]
    assert ("a $teacher$, the teacher" in names) == bool(teacher)
    colours = {to_hex(handle.get_color()) for handle in legend.legend_handles[:runs]}
    assert len(colours) == runs


def test_nothing_is_cut_off():
    figure = pareto.draw(files(7), TEACHER)
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert needed.x0 >= 0 and needed.y0 >= 0 and needed.x1 <= width and needed.y1 <= height
