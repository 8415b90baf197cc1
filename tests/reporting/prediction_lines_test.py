import io
import sys

import pytest

from trash_keras.host import terminal
from trash_keras.predictor import Prediction
from trash_keras.reporting.prediction_lines import PredictionLines

NAMES = ("glass", "metal", "wood", "tin", "jar")


class Screen(io.StringIO):
    """Takes lines as a terminal that has no colours."""

    def isatty(self):
        return True


def prediction(file, shares, threshold=0.6, **more):
    return Prediction(file, dict(zip(NAMES, shares, strict=True)), threshold=threshold, **more)


SURE = prediction("a/long folder/1.jpg", (0.9, 0.08, 0.02, 0, 0))
UNSURE = prediction("日本.jpg", (0.5, 0.1, 0.2, 0.1, 0.1), explanation="maps/2.png")
LOST = prediction("c\n[red].jpg", (0.3, 0.2, 0.2, 0.2, 0.1))
BAD = Prediction("bad.jpg", {}, error="not an image")


@pytest.fixture
def written(monkeypatch):
    def write(columns, predictions=(SURE, UNSURE, LOST, BAD), top_k=2, is_terminal=True):
        out, err = Screen() if is_terminal else io.StringIO(), Screen()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        lines = PredictionLines(NAMES, top_k)
        assert list(lines.watch(one.file for one in predictions)) == [p.file for p in predictions]
        for one in predictions:
            lines.write(one)
        lines.write_count()
        return out.getvalue(), err.getvalue()

    return write


def test_columns_are_aligned(written):
    out, err = written(80)
    assert out.splitlines() == [
        "a/long folder/1.jpg  glass   90.0%            metal 8.0%",
        "日本.jpg             glass   50.0%  not sure  wood 20.0%  -> maps/2.png",
        "c\\n[red].jpg         glass   30.0%  not sure  metal 20.0%",
        "4 images: glass 1, unsure 2; 1 unreadable",
    ]
    assert err == "error: bad.jpg: not an image\n"


def test_a_narrow_terminal_shows_the_end_of_a_name_and_leaves_other_classes_out(written):
    assert written(38, [SURE], top_k=3)[0] == "…der/1.jpg  glass   90.0%\n"
    middle = written(60, [SURE], top_k=3)[0]
    assert middle == "a/long folder/1.jpg  glass   90.0%            metal 8.0%, …\n"
    assert written(60, [SURE], top_k=1)[0] == "a/long folder/1.jpg  glass   90.0%\n"


def test_elsewhere_lines_are_plain_and_the_count_is_not_among_them(written):
    out, err = written(38, is_terminal=False)
    assert out.splitlines() == [
        "a/long folder/1.jpg: glass 90.0%, metal 8.0%",
        "日本.jpg: perhaps glass, 50%, not sure (glass 50.0%, wood 20.0%) -> maps/2.png",
        "c\\n[red].jpg: not sure what it is (glass 30.0%, metal 20.0%)",
    ]
    assert err.splitlines()[1] == "4 images: glass 1, unsure 2; 1 unreadable"


def test_a_log_has_no_count(written, monkeypatch):
    monkeypatch.setattr(Screen, "isatty", lambda self: False)
    assert "images: " not in "".join(written(80, is_terminal=False))


def test_a_single_image_is_not_counted(written):
    assert "images" not in "".join(written(80, [SURE]))


def test_colours_tell_how_sure_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Screen())
    styles = []
    monkeypatch.setattr(terminal, "write", lambda parts: styles.append(parts[1][1]))
    lines = PredictionLines(NAMES, 2)
    for one in (SURE, UNSURE, LOST):
        lines.write(one)
    assert styles == ["green", "yellow", "red"]
