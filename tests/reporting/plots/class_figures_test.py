"""Figures of few and of many classes."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from tests.support.figures import assert_no_overlap, assert_nothing_cut_off
from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.reporting.plots import class_figures, style

CLASS_NAMES = ["glass", "metal", "paper"]
MATRIX = [[6, 2, 0], [1, 3, 0], [0, 0, 0]]


def cell_texts(axes: Axes, size: int) -> list[list[str]]:
    cells = {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in axes.texts}
    assert len(axes.texts) == len(cells) == size * size
    return [[cells[row, column].get_text() for column in range(size)] for row in range(size)]


def test_confusion_matrix_writes_counts_and_percentages_of_the_row():
    axes, _ = class_figures.confusion_matrix(MATRIX, CLASS_NAMES).axes
    # The third class has no image: no recall, and no division by zero.
    assert cell_texts(axes, 3) == [
        ["75%\n6", "25%\n2", "0"], ["25%\n1", "75%\n3", "0"], ["-", "-", "-"],
    ]  # fmt: skip


def test_a_rare_confusion_is_not_rounded_to_none():
    axes, _ = class_figures.confusion_matrix([[999, 1], [0, 3]], ["a", "b"]).axes
    assert cell_texts(axes, 2) == [["100%\n999", "<1%\n1"], ["0", "100%\n3"]]


def test_confusion_matrix_colours_cells_by_what_they_say():
    axes, scale = class_figures.confusion_matrix(MATRIX, CLASS_NAMES).axes
    shares = axes.images[0]
    np.testing.assert_allclose(shares.get_array(), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    assert (shares.norm.vmin, shares.norm.vmax) == (0, 1)
    scale.figure.draw_without_rendering()
    ticks = [label.get_text() for label in scale.get_yticklabels()]
    assert ticks == ["0%", "10%", "25%", "50%", "100%"] and "true class" in scale.get_ylabel()


def test_ten_percent_can_be_told_from_none_in_black_and_white():
    axes, _ = class_figures.confusion_matrix([[9, 1], [0, 10]], ["a", "b"]).axes
    image = axes.images[0]
    (most, tenth), (none, _) = image.to_rgba(image.get_array())[..., :3]
    assert _luminance(none) - _luminance(tenth) > 0.25  # with linear colours 0.09
    assert _luminance(tenth) - _luminance(most) > 0.4


def test_confusion_matrix_has_true_rows_and_predicted_columns():
    axes, _ = class_figures.confusion_matrix(MATRIX, CLASS_NAMES).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True", "Predicted")
    assert [label.get_text() for label in axes.get_yticklabels()] == CLASS_NAMES
    assert [label.get_text() for label in axes.get_xticklabels()] == CLASS_NAMES
    first, last = axes.transData.transform([(0, 0), (2, 2)])
    assert last[1] < first[1], "the first row must be the upper one"


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_of_no_images_at_all():
    axes, _ = class_figures.confusion_matrix([[0, 0], [0, 0]], ["a", "b"]).axes
    assert cell_texts(axes, 2) == [["-", "-"], ["-", "-"]]


def test_confusion_matrix_is_readable_on_light_and_dark_cells():
    size = 11
    matrix = np.arange(size * size).reshape(size, size)  # every shade from light to dark
    axes = class_figures.confusion_matrix(matrix.tolist(), [str(i) for i in range(size)]).axes[0]
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


@pytest.mark.parametrize("classes", [1, 2, 6, 12, MATRIX_CLASSES])
@pytest.mark.parametrize("name", ["glass", "a clear plastic bottle"])
def test_numbers_stay_in_their_cells_of_a_column_or_two(classes, name):
    names = [f"{name} {index}" for index in range(classes)]
    figure = class_figures.confusion_matrix(np.eye(classes, dtype=int) * 1234, names)
    assert_nothing_cut_off(figure)
    width, height = figure.get_size_inches()
    assert width in (style.ONE_COLUMN, style.TWO_COLUMNS) and height < 8
    axes = figure.axes[0]
    (left, top), (right, bottom) = axes.transData.transform([(-0.5, -0.5), (0.5, 0.5)])
    for text in axes.texts:
        box = text.get_window_extent()
        assert box.width <= right - left and box.height <= top - bottom, text.get_text()


@pytest.mark.parametrize("class_names", [["a", "b"], CLASS_NAMES, ["cardboard and paper"] * 6])
def test_confusion_matrix_cuts_nothing_off(class_names):
    matrix = np.eye(len(class_names), dtype=int) * 1000
    assert_nothing_cut_off(class_figures.confusion_matrix(matrix.tolist(), class_names))


def test_dollars_in_class_names_are_no_formula():
    names = [r"$\frac$", "b"]  # as a formula it would not even parse
    assert_nothing_cut_off(class_figures.confusion_matrix([[1, 0], [0, 1]], names))
    assert_nothing_cut_off(class_figures.class_balance({"test": dict.fromkeys(names, 1)}))


@pytest.mark.parametrize(
    ("matrix", "class_names"), [([[1, 2]], ["a"]), ([[1]], ["a", "b"]), ([], [])]
)
def test_confusion_matrix_refuses_what_does_not_fit(matrix, class_names):
    with pytest.raises(ValueError, match="class names"):
        class_figures.confusion_matrix(matrix, class_names)


def test_class_balance_draws_a_counted_bar_for_each_class_and_split():
    figure = class_figures.class_balance({"train": {"glass": 30, "metal": 5}, "test": {"glass": 3}})
    axes = figure.axes[0]
    train, test = axes.containers
    assert [bar.get_width() for bar in train] == [30, 5]
    assert [bar.get_width() for bar in test] == [3, 0]
    assert [text.get_text() for text in axes.texts] == ["30", "5", "3", "0"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "test"]


def test_class_balance_groups_the_bars_of_a_class_around_its_name():
    counts = {split: {"glass": 1, "metal": 2} for split in ("train", "valid", "test")}
    axes = class_figures.class_balance(counts).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["glass", "metal"]
    assert axes.yaxis_inverted(), "the first class must be the upper one"
    for index in range(2):
        edges = [bars[index].get_y() for bars in axes.containers]
        ends = [bars[index].get_y() + bars[index].get_height() for bars in axes.containers]
        assert (min(edges) + max(ends)) / 2 == pytest.approx(index)
        assert all(end <= start for end, start in zip(ends, edges[1:], strict=False)), "overlap"
        assert index - 0.5 < min(edges) and max(ends) < index + 0.5


def test_class_balance_grows_and_cuts_nothing_off():
    few = class_figures.class_balance({"all": {"a": 1}})
    many = class_figures.class_balance(
        {"all": {f"a rather long name {i}": 10**i for i in range(6)}}
    )
    assert many.get_size_inches()[1] > few.get_size_inches()[1]
    assert_nothing_cut_off(few)
    assert_nothing_cut_off(many)


def test_class_balance_of_many_classes_fits_a_page_and_its_numbers_their_bars():
    names = [f"name {index}" for index in range(MATRIX_CLASSES)]
    counts = {split: dict.fromkeys(names, 100) for split in ("train", "valid", "test")}
    figure = class_figures.class_balance(counts)
    assert_nothing_cut_off(figure)
    assert figure.get_size_inches()[1] < 9
    assert_no_overlap(figure.axes[0].texts)


@pytest.mark.parametrize("counts", [{}, {"train": {}}])
def test_class_balance_needs_a_class(counts):
    with pytest.raises(ValueError, match="at least one"):
        class_figures.class_balance(counts)


@pytest.mark.parametrize("size", [MATRIX_CLASSES + 1, 300])
def test_of_many_classes_the_most_confused_pairs_are_drawn(size):
    matrix = np.eye(size, dtype=int) * 6
    matrix[3, 1], matrix[size - 1, 2] = 2, 4
    figure = class_figures.confusion_matrix(matrix.tolist(), [f"name {i}" for i in range(size)])
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"name {size - 1} → name 2", "name 3 → name 1"]
    assert [bar.get_width() for bar in axes.patches] == [4, 2]
    assert [text.get_text() for text in axes.texts] == ["4 (40%)", "2 (25%)"]
    assert_nothing_cut_off(figure)


@pytest.mark.parametrize("name", ["a", "$x$ " * 30, "a long name of a class " * 5])
def test_figures_of_a_thousand_classes_are_small(name):
    names = [f"{i} {name}" for i in range(1000)]
    matrix = np.roll(np.eye(1000, dtype=int), 1, axis=1)
    for figure in (
        class_figures.confusion_matrix(matrix, names),
        class_figures.confusion_matrix(np.eye(1000, dtype=int), names),
        class_figures.class_balance({"train": dict.fromkeys(names, 5), "test": {names[0]: 2}}),
    ):
        assert max(figure.get_size_inches()) < 10
        figure.draw_without_rendering()
        assert sum(len(axes.texts) + len(axes.patches) for axes in figure.axes) < 100


def test_sizes_of_many_classes_fall_from_the_left():
    sizes = {f"name {i}": i for i in range(40)}
    figure = class_figures.class_balance({"train": sizes, "test": {"name 0": 3}})
    train, test = (line.get_ydata().tolist() for line in figure.axes[0].lines)
    assert train == [*range(39, 3, -1), 0, 3, 2, 1] and sum(test) == test[36] == 3
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "train",
        "test",
    ]
    assert_nothing_cut_off(figure)
