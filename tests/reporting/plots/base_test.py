import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image

from tests.support.figures import assert_nothing_cut_off
from trash_keras.reporting.plots import base, class_figures, style


def epochs(*phases: str) -> list[dict]:
    return [
        {
            "phase": phase,
            "epoch": epoch,
            "accuracy": 0.5 + epoch / 100,
            "val_accuracy": 0.4 + epoch / 100,
            "loss": 2.0 - epoch / 100,
            "val_loss": 1.0 - epoch / 100,
            "learning_rate": 1e-3,
        }
        for epoch, phase in enumerate(phases)
    ]


def borders(axes: Axes) -> list[float]:
    return [
        float(np.asarray(line.get_xdata())[0])
        for line in axes.lines
        if line.get_linestyle() == "--"
    ]


def curves(axes: Axes) -> dict[str, tuple[list, list]]:
    return {
        str(line.get_label()): (
            np.asarray(line.get_xdata()).tolist(),
            np.asarray(line.get_ydata()).tolist(),
        )
        for line in axes.lines
        if line.get_linestyle() == "-"
    }


def names(axes: Axes) -> list[str]:
    """The labels at the ends of the curves."""
    return [text.get_text() for text in axes.texts if isinstance(text, Annotation)]


def phases(axes: Axes) -> dict[str, float]:
    return {
        text.get_text(): text.get_position()[0]
        for text in axes.texts
        if not isinstance(text, Annotation)
    }


def test_learning_curves_shows_each_value_at_its_epoch_counted_from_one():
    rows = epochs("head", "head", "finetune")
    accuracy, loss = base.learning_curves(rows).axes

    assert names(accuracy) == ["training", "validation"]
    assert curves(accuracy) == {
        "training": ([1, 2, 3], [row["accuracy"] for row in rows]),
        "validation": ([1, 2, 3], [row["val_accuracy"] for row in rows]),
    }
    assert [y for _, y in curves(loss).values()] == [
        [row["loss"] for row in rows],
        [row["val_loss"] for row in rows],
    ]


def test_learning_curves_says_that_the_losses_differ():
    training, validation = names(base.learning_curves(epochs("head")).axes[1])
    assert "label-smoothed" in training and "class-weighted" in training
    assert "plain\ncross-entropy" in validation


def test_learning_curves_marks_the_phase_border_between_its_epochs():
    figure = base.learning_curves(epochs("head", "head", "head", "finetune", "finetune"))
    assert [borders(axes) for axes in figure.axes] == [[3.5], [3.5]]
    assert phases(figure.axes[0]) == {"head only": 1, "fine-tuning": 5}


def test_learning_curves_of_one_phase_has_no_border():
    figure = base.learning_curves(epochs("finetune", "finetune"))
    assert [borders(axes) for axes in figure.axes] == [[], []]
    assert list(phases(figure.axes[0])) == ["fine-tuning"]


def test_learning_curves_names_an_unknown_phase_as_it_is():
    assert list(phases(base.learning_curves(epochs("a$b$")).axes[0])) == ["a$b$"]


def test_learning_curves_of_a_single_epoch_is_visible():
    lines = base.learning_curves(epochs("head")).axes[0].lines
    assert all(line.get_marker() == "o" for line in lines)


def test_learning_curves_needs_a_row():
    with pytest.raises(ValueError, match="no row"):
        base.learning_curves([])


@pytest.mark.filterwarnings("error")
def test_save_writes_a_png_of_120_dots_per_inch(tmp_path):
    path = tmp_path / "figure.png"
    base.save(Figure(figsize=(3, 2)), path)
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (360, 240))
    assert list(tmp_path.iterdir()) == [path]


def written(folder: Path, figure: Figure) -> dict[str, bytes]:
    base.save_formats(figure, folder / "one", "A $title$")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_figure_for_a_paper_is_pixels_and_vectors_of_one_size(tmp_path):
    figure = base.learning_curves(epochs("head", "head"))
    width, height = figure.get_size_inches()
    files = written(tmp_path, figure)
    assert set(files) == {"one.png", "one.pdf", "one.svg"}
    height += base.TITLE_INCHES
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (round(300 * width), round(300 * height))
    points = f"{72 * width:g} {72 * height:g}"
    assert f'viewBox="0 0 {points}"'.encode() in files["one.svg"]
    assert f"/MediaBox [ 0 0 {points} ]".encode() in files["one.pdf"]
    assert b"/Type3" not in files["one.pdf"] and b"/FontFile2" in files["one.pdf"]
    assert figure.get_suptitle() == "A $title$"
    assert_nothing_cut_off(figure)


def test_files_of_the_same_figure_are_equal_to_the_byte(tmp_path, monkeypatch):
    def draw():
        return class_figures.confusion_matrix([[4, 1], [0, 5]], ["a", "b"])

    first = written(tmp_path / "first", draw())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")  # what would be another date
    second = written(tmp_path / "second", draw())
    assert first == second
    assert not any(b"Date" in content for content in first.values())


def test_save_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    class Failing(Figure):
        def savefig(self, fname, **kwargs):
            with open(fname, "wb") as file:
                file.write(b"half a pic")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        base.save(Failing(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_figures_and_page_need_no_pyplot_and_no_tensorflow():
    code = (
        "import sys, trash_keras.reporting.plots.base, trash_keras.reporting.report_page; "
        "print(sorted({'matplotlib.pyplot', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def compared_run(name: str, accuracy: float, low: float, high: float) -> dict:
    return {"name": name, "accuracy": accuracy, "accuracy_interval": [low, high]}


def test_accuracies_shows_each_run_with_its_interval_from_the_top():
    runs = [compared_run("old", 0.8, 0.7, 0.88), compared_run("new", 1.0, 0.95, 0.9999999)]
    figure = base.accuracies(runs)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["old", "new"]
    assert axes.yaxis_inverted()
    drawn = [np.asarray(line.get_xdata()).ravel().tolist() for line in axes.lines]
    assert drawn == [[0.7, 0.88], [0.8], [0.95, 0.9999999], [1.0]]
    assert [text.get_text() for text in axes.texts] == ["80.0%", "100.0%"]
    assert_nothing_cut_off(figure)


def test_accuracies_grow_with_the_runs_and_take_any_name():
    runs = [
        compared_run(f"a rather long name of a run, $number_{i}$", 0.5, 0.4, 0.6) for i in range(30)
    ]
    figure = base.accuracies(runs)
    assert figure.get_size_inches().tolist() == pytest.approx([style.TWO_COLUMNS, 9.7])
    assert_nothing_cut_off(figure)


def test_accuracies_need_a_run():
    with pytest.raises(ValueError, match="at least one run"):
        base.accuracies([])
