import numpy as np
import pytest

from trash_keras.reporting.plots import robustness


def scores(corruptions):
    found = {
        f"corruption {number}": {"accuracy": [0.9 - 0.1 * number, 0.5, 0.4, 0.3, 0.2],
                           "mean_accuracy": 0.4}
        for number in range(corruptions)
    }  # fmt: skip
    return {"clean": {"accuracy": 0.95}, "kinds": found}


@pytest.mark.parametrize("corruptions", [1, 2, 7, 8])
def test_a_panel_for_each_corruption_with_the_clean_accuracy_dashed(corruptions):
    figure = robustness.small_multiples(scores(corruptions))
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == corruptions
    for number, axes in enumerate(shown):
        dashed, line = axes.lines
        assert dashed.get_linestyle() == "--" and set(np.ravel(dashed.get_ydata())) == {0.95}
        assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
        assert (
            list(line.get_ydata())
            == scores(corruptions)["kinds"][f"corruption {number}"]["accuracy"]
        )
        assert axes.get_title("left") == f"corruption {number}"
        assert axes.get_title("right") == "mean 40.0%"
        assert axes.get_ylim() == shown[0].get_ylim()


def test_nothing_is_cut_off():
    figure = robustness.small_multiples(scores(8))
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert needed.x0 >= 0 and needed.y0 >= 0 and needed.x1 <= width and needed.y1 <= height
