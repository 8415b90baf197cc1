"""Figures look the same whatever the user's settings of Matplotlib are."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from trash_keras.reporting.plots import base, class_figures, svg

ROOT = Path(__file__).parents[3]
MATRIX = [[4, 1], [0, 5]]
OTHERS = [
    {"text.usetex": True},
    {"font.size": 30, "font.family": ["serif"], "axes.facecolor": "black"},
    {"savefig.dpi": 10, "savefig.bbox": "tight", "figure.dpi": 300, "axes.unicode_minus": False},
    {"svg.fonttype": "path", "lines.linewidth": 9, "axes.prop_cycle": "cycler('color', ['k'])"},
]


def drawn(folder):
    target = folder / "figure.png"
    base.save(class_figures.confusion_matrix(MATRIX, ["a", "b"]), target)
    rows = [{"name": "one", "accuracy": 0.5, "accuracy_interval": (0.4, 0.6)}]
    return np.asarray(Image.open(target)), svg.draw(base.accuracies(rows))


@pytest.mark.parametrize("others", OTHERS)
def test_settings_of_a_host_program_change_no_figure(others, tmp_path):
    pixels, text = drawn(tmp_path)
    with matplotlib.rc_context(others):
        before = dict(matplotlib.rcParams)
        changed_pixels, changed_text = drawn(tmp_path)
        assert dict(matplotlib.rcParams) == before, "the host keeps its settings"
    np.testing.assert_array_equal(changed_pixels, pixels)
    assert changed_text == text


CODE = """
import os, sys
import trash_keras.reporting.charts
from trash_keras.reporting.plots import base, class_figures
base.save(class_figures.confusion_matrix([[4, 1], [0, 5]], ["a", "b"]), sys.argv[1])
import matplotlib
print(os.environ.get("MPLBACKEND"), matplotlib.rcParams._get("backend"))
"""


def python(target, folder, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", CODE, str(target)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=environment, cwd=folder
    )


@pytest.mark.parametrize(
    ("backend", "kept"),
    [("nonsense", False), ("module://absent.backend", True), ("svg", True), ("", False)],
)
def test_no_plotting_backend_stops_a_figure(backend, kept, tmp_path):
    done = python(tmp_path / "a.png", tmp_path, MPLBACKEND=backend)
    assert done.returncode == 0, done.stderr
    variable, _, used = done.stdout.strip("\n").partition(" ")
    assert variable == backend
    assert (used == backend) == kept
    assert (tmp_path / "a.png").exists()


def test_a_users_file_changes_no_figure_and_a_broken_one_is_named(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\ntext.usetex: True\naxes.facecolor: black\nbackend: nonsense\n"
    )
    done = python(tmp_path / "a.png", tmp_path)
    assert done.returncode == 0, done.stderr
    pixels, _ = drawn(tmp_path)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\n")
    done = python(tmp_path / "a.png", tmp_path)
    assert "ValueError: Matplotlib cannot read its settings, the file matplotlibrc" in done.stderr
