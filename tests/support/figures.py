"""Checks of figures."""

from matplotlib.figure import Figure


def assert_nothing_cut_off(figure: Figure) -> None:
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert needed.x0 >= 0 and needed.y0 >= 0, needed
    assert needed.x1 <= width and needed.y1 <= height, needed
