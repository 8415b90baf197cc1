import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from trash_keras.reporting.plots import base

CLASS_NAMES = ["glass", "metal", "paper"]
MATRIX = [[6, 2, 0], [1, 3, 0], [0, 0, 0]]


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


def cell_texts(axes: Axes, size: int) -> list[list[str]]:
    cells = {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in axes.texts}
    assert len(axes.texts) == len(cells) == size * size
    return [[cells[row, column].get_text() for column in range(size)] for row in range(size)]


def assert_nothing_cut_off(figure: Figure) -> None:
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert needed.x0 >= 0 and needed.y0 >= 0, needed
    assert needed.x1 <= width and needed.y1 <= height, needed


def test_learning_curves_shows_each_value_at_its_epoch_counted_from_one():
    rows = epochs("head", "head", "finetune")
    accuracy, loss = base.learning_curves(rows).axes

    assert curves(accuracy) == {
        "training": ([1, 2, 3], [row["accuracy"] for row in rows]),
        "validation": ([1, 2, 3], [row["val_accuracy"] for row in rows]),
    }
    assert [y for _, y in curves(loss).values()] == [
        [row["loss"] for row in rows],
        [row["val_loss"] for row in rows],
    ]


def test_learning_curves_says_that_the_losses_differ():
    legend = base.learning_curves(epochs("head")).axes[1].get_legend()
    training, validation = [text.get_text() for text in legend.get_texts()]
    assert "label-smoothed" in training and "class-weighted" in training
    assert "plain cross-entropy" in validation


def test_learning_curves_marks_the_phase_border_between_its_epochs():
    figure = base.learning_curves(epochs("head", "head", "head", "finetune", "finetune"))
    assert [borders(axes) for axes in figure.axes] == [[3.5], [3.5]]
    names = {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}
    assert names == {"head only": 2, "fine-tuning": 4.5}


def test_learning_curves_of_one_phase_has_no_border():
    figure = base.learning_curves(epochs("finetune", "finetune"))
    assert [borders(axes) for axes in figure.axes] == [[], []]
    assert [text.get_text() for text in figure.axes[0].texts] == ["fine-tuning"]


def test_learning_curves_names_an_unknown_phase_as_it_is():
    assert base.learning_curves(epochs("a$b$")).axes[0].texts[0].get_text() == "a$b$"


def test_learning_curves_of_a_single_epoch_is_visible():
    lines = base.learning_curves(epochs("head")).axes[0].lines
    assert all(line.get_marker() == "o" for line in lines)


def test_learning_curves_needs_a_row():
    with pytest.raises(ValueError, match="no row"):
        base.learning_curves([])


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_writes_counts_and_percentages_of_the_row():
    counts, shares = base.confusion_matrix(MATRIX, CLASS_NAMES).axes
    assert cell_texts(counts, 3) == [["6", "2", "0"], ["1", "3", "0"], ["0", "0", "0"]]
    # The third class has no image: no recall, and no division by zero.
    assert cell_texts(shares, 3) == [["75", "25", "0"], ["25", "75", "0"], ["-", "-", "-"]]


def test_confusion_matrix_colours_cells_by_what_they_say():
    counts, shares = [axes.images[0] for axes in base.confusion_matrix(MATRIX, CLASS_NAMES).axes]
    np.testing.assert_allclose(counts.get_array(), np.array(MATRIX) / 6)
    np.testing.assert_allclose(shares.get_array(), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    assert (counts.norm.vmin, counts.norm.vmax) == (shares.norm.vmin, shares.norm.vmax) == (0, 1)


def test_confusion_matrix_has_true_rows_and_predicted_columns():
    for axes in base.confusion_matrix(MATRIX, CLASS_NAMES).axes:
        assert (axes.get_ylabel(), axes.get_xlabel()) == ("True", "Predicted")
        assert [label.get_text() for label in axes.get_yticklabels()] == CLASS_NAMES
        assert [label.get_text() for label in axes.get_xticklabels()] == CLASS_NAMES
        first, last = axes.transData.transform([(0, 0), (2, 2)])
        assert last[1] < first[1], "the first row must be the upper one"


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_of_no_images_at_all():
    counts, shares = base.confusion_matrix([[0, 0], [0, 0]], ["a", "b"]).axes
    assert cell_texts(counts, 2) == [["0", "0"], ["0", "0"]]
    assert cell_texts(shares, 2) == [["-", "-"], ["-", "-"]]


def test_confusion_matrix_is_readable_on_light_and_dark_cells():
    size = 11
    matrix = np.arange(size * size).reshape(size, size)  # every shade from light to dark
    axes = base.confusion_matrix(matrix.tolist(), [str(i) for i in range(size)]).axes[0]
    image = axes.images[0]
    backgrounds = image.cmap(image.norm(image.get_array()))
    for text in axes.texts:
        column, row = (round(position) for position in text.get_position())
        lighter, darker = sorted(
            (_luminance(backgrounds[row, column, :3]), _luminance(to_rgb(text.get_color()))),
            reverse=True,
        )
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, text.get_text()


def _luminance(colour) -> float:
    """Relative luminance of sRGB as WCAG 2 defines it; 4.5 is its contrast for body text."""
    colour = np.asarray(colour)
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_confusion_matrix_grows_with_the_classes():
    def size(classes: int) -> np.ndarray:
        names = [f"{i:03}" for i in range(classes)]
        return base.confusion_matrix(np.eye(classes, dtype=int).tolist(), names).get_size_inches()

    assert (size(12) > size(6)).all() and (size(24) > size(12)).all()


@pytest.mark.parametrize("class_names", [["a", "b"], CLASS_NAMES, ["cardboard and paper"] * 6])
def test_confusion_matrix_cuts_nothing_off(class_names):
    matrix = np.eye(len(class_names), dtype=int) * 1000
    assert_nothing_cut_off(base.confusion_matrix(matrix.tolist(), class_names))


def test_dollars_in_class_names_are_no_formula():
    names = [r"$\frac$", "b"]  # as a formula it would not even parse
    assert_nothing_cut_off(base.confusion_matrix([[1, 0], [0, 1]], names))
    assert_nothing_cut_off(base.class_balance({"test": dict.fromkeys(names, 1)}))


@pytest.mark.parametrize(
    ("matrix", "class_names"), [([[1, 2]], ["a"]), ([[1]], ["a", "b"]), ([], [])]
)
def test_confusion_matrix_refuses_what_does_not_fit(matrix, class_names):
    with pytest.raises(ValueError, match="class names"):
        base.confusion_matrix(matrix, class_names)


def test_class_balance_draws_a_counted_bar_for_each_class_and_split():
    figure = base.class_balance({"train": {"glass": 30, "metal": 5}, "test": {"glass": 3}})
    axes = figure.axes[0]
    train, test = axes.containers
    assert [bar.get_width() for bar in train] == [30, 5]
    assert [bar.get_width() for bar in test] == [3, 0]
    assert [text.get_text() for text in axes.texts] == ["30", "5", "3", "0"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]


def test_class_balance_groups_the_bars_of_a_class_around_its_name():
    counts = {split: {"glass": 1, "metal": 2} for split in ("train", "valid", "test")}
    axes = base.class_balance(counts).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass", "metal"]
    assert axes.yaxis_inverted(), "the first class must be the upper one"
    for index in range(2):
        edges = [bars[index].get_y() for bars in axes.containers]
        ends = [bars[index].get_y() + bars[index].get_height() for bars in axes.containers]
        assert (min(edges) + max(ends)) / 2 == pytest.approx(index)
        assert all(end <= start for end, start in zip(ends, edges[1:], strict=False)), "overlap"
        assert index - 0.5 < min(edges) and max(ends) < index + 0.5


def test_class_balance_grows_and_cuts_nothing_off():
    few = base.class_balance({"all": {"a": 1}})
    many = base.class_balance({"all": {f"a rather long name {i}": 10**i for i in range(6)}})
    assert many.get_size_inches()[1] > few.get_size_inches()[1]
    assert_nothing_cut_off(few)
    assert_nothing_cut_off(many)


@pytest.mark.parametrize("counts", [{}, {"train": {}}])
def test_class_balance_needs_a_class(counts):
    with pytest.raises(ValueError, match="at least one"):
        base.class_balance(counts)


def test_save_writes_a_png_of_120_dots_per_inch(tmp_path):
    path = tmp_path / "figure.png"
    base.save(Figure(figsize=(3, 2)), path)
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (360, 240))
    assert list(tmp_path.iterdir()) == [path]


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
    assert figure.get_size_inches()[1] > 10
    assert_nothing_cut_off(figure)


def test_accuracies_need_a_run():
    with pytest.raises(ValueError, match="at least one run"):
        base.accuracies([])
