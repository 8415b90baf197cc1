"""Verbs in notebooks and other host programs, and in shells that expand no pattern."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from absl import flags
from nbclient import NotebookClient
from PIL import Image

from trash_keras.cli import launch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """Images, one of them with brackets in its name."""
    for name in ("a.jpg", "b.jpg", "c [1].jpg", "sub/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), 120, np.uint8)).save(tmp_path / name)
    return tmp_path


def run(code, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
        env=environment, cwd=folder,
    )  # fmt: skip


HOST = """
import io, sys
class Stream(io.StringIO):  # as that of a notebook: it cannot be reconfigured
    pass
out = sys.stdout
from trash_keras.cli import verbs
def verb(*arguments):
    sys.argv = ["host", "x"]
    sys.stdout = Stream()
    try:
        verbs.main(arguments)
    except SystemExit as end:
        print(arguments[0], end.code, len(sys.stdout.getvalue().splitlines()), file=out)
    finally:
        sys.stdout = out
    assert sys.argv == ["host", "x"]
"""


def test_verbs_run_one_after_the_other_in_one_process(folder):
    lines = (
        'verb("predict", "a.jpg")',
        'verb("predict", "--format=json", "a.jpg", "b.jpg")',
        'verb("predict", "a.jpg", "b.jpg")',
        'verb("predict", "--top_k=0", "a.jpg")',
        'verb("train", "--workdir=w", "--data_dir=absent")',
        'verb("compare", "absent")',
        'verb("train", "--help")',
        'verb("export")',
    )
    done = run(HOST + "\n".join(lines), folder)
    found = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in found] == [
        ["predict", "0"], ["predict", "0"], ["predict", "0"], ["predict", "2"],
        ["train", "1"], ["compare", "1"], ["train", "0"], ["export", "2"],
    ], done.stderr  # fmt: skip
    assert [line[2] for line in found[:3]] == ["1", "2", "2"]
    assert "Traceback" not in done.stderr


def test_flags_of_a_host_program_stay(folder):
    code = (
        "from absl import flags\nflags.DEFINE_string('mine', 'a', '')\n"
        + HOST
        + 'verb("predict", "a.jpg")\nverb("predict", "--mine=b", "a.jpg")\nprint(flags.FLAGS.mine)'
    )
    done = run(code, folder)
    assert done.stdout.splitlines() == ["predict 0 1", "predict 0 1", "b"], done.stderr


def test_a_verbs_flags_are_those_of_the_package_alone():
    before = set(flags.FLAGS)
    flags.DEFINE_bool("of_a_verb", False, "", module_name="trash_keras.cli.some_verb")
    launch.forget_flags()
    assert "of_a_verb" not in flags.FLAGS
    assert {name for name in before if name in ("v", "verbosity", "pdb")} <= set(flags.FLAGS)


@pytest.mark.slow
def test_run_magic_of_a_real_kernel(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name))
    notebook = nbformat.v4.new_notebook()
    for line in (
        "%run -m trash_keras predict a.jpg b.jpg",
        "%run -m trash_keras predict --format=json *.jpg",
        "%run -m trash_keras compare --help",
        "%run -m trash_keras benchmark --help",
    ):
        notebook.cells.append(nbformat.v4.new_code_cell(line))
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    texts = [
        "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
        for cell in notebook.cells
    ]
    assert texts[0].count("\n") == 2 and texts[1].count('"file"') == 3
    assert texts[2].startswith("Compares finished runs") and texts[3].startswith("Times model")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["*.jpg"], ["a.jpg", "b.jpg", "c [1].jpg"]),
        (["?.jpg", "x.jpg"], ["a.jpg", "b.jpg", "x.jpg"]),
        (["**/*.jpg"], ["a.jpg", "b.jpg", "c [1].jpg", "sub/d.jpg"]),
        (["c [1].jpg"], ["c [1].jpg"]),
        (["c [1]*"], ["c [1].jpg"]),
        (["[ab].jpg"], ["a.jpg", "b.jpg"]),
        (["*.gif", "gone[1].jpg"], ["*.gif", "gone[1].jpg"]),
        (["gs://bucket/*.jpg"], ["gs://bucket/*.jpg"]),
        (["s*"], ["sub"]),
    ],
)
def test_patterns_that_no_shell_expanded(arguments, expected, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = launch.expanded(arguments)
    assert [name.replace(os.sep, "/") for name in found] == expected


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no asterisk in a file name")
def test_a_file_that_is_called_like_a_pattern_is_that_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "*.jpg").write_bytes((folder / "a.jpg").read_bytes())
    assert launch.expanded(["*.jpg"]) == ["*.jpg"]


def test_every_verb_gets_expanded_paths(folder, script):
    done = script("predict", "*.jpg", cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "a.jpg", "b.jpg", "c [1].jpg"
    ], done.stderr  # fmt: skip
    done = script("benchmark", "*.tflite", cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 1 and "*.tflite" in done.stderr
