import numpy as np
import pytest

from trash_keras.reporting.plots.contact_sheet import contact_sheet


def image(value: int, height: int = 8, width: int = 12) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_images_stand_in_order_each_under_its_caption():
    shown = [("first", image(10)), ("$second_", image(20, 30, 9)), ("third", image(30))]
    figure = contact_sheet(shown, columns=2)
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["first", "$second_", "third"]
    for axes, (_, pixels) in zip(drawn, shown, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels)
    figure.draw_without_rendering()
    places = [axes.get_position() for axes in drawn]
    assert places[0].x0 < places[1].x0 and places[0].y0 > places[2].y0
    assert len(figure.axes) == 4 and not any(axes.axison for axes in figure.axes)


def test_it_grows_with_rows_not_with_images_in_a_row():
    sizes = [contact_sheet([("", image(0))] * count, columns=4).get_size_inches().tolist()
             for count in (1, 4, 5)]  # fmt: skip
    assert sizes[0] == sizes[1]
    assert sizes[2] == [sizes[0][0], 2 * sizes[0][1]]


@pytest.mark.parametrize(("images", "columns"), [([], 3), ([("", image(0))], 0)])
def test_nothing_to_show_is_refused(images, columns):
    with pytest.raises(ValueError, match="at least one image and one column"):
        contact_sheet(images, columns)


def test_wide_images_make_a_lower_sheet_and_a_strip_makes_no_endless_one():
    heights = [contact_sheet([("", image(0, *size))]).get_size_inches()[1]
               for size in ((6, 12), (12, 12), (500, 5), (18, 12))]  # fmt: skip
    assert heights[0] < heights[1] < heights[2] == heights[3]
