import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import VERB
from trash_keras.cli import launch

ROOT = Path(__file__).parents[2]


def run(main, *arguments):
    command = [sys.executable, "-c", VERB.format(main=main), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    options = {"capture_output": True, "text": True, "timeout": 60, "cwd": ROOT}
    return subprocess.run(command, env=environment, **options)


@pytest.mark.parametrize(
    ("main", "arguments", "status", "message"),
    [
        ("return 0", [], 0, None),
        ("return None", [], 0, None),
        ("return 3", [], 3, None),
        ("flags.read_config()", ["--image_size=3"], 1, "--image_size must be between 16 and 2048"),
        ("raise ValueError('first\\n  second')", [], 1, "error: first second\n"),
        ("open('gone')", [], 1, "No such file"),
        ("raise ImportError('pip install x')", [], 1, "error: pip install x\n"),
        (
            "raise KeyboardInterrupt",
            [],
            130,
            "error: interrupted; nothing is half-written, and the same command",
        ),
        ("return 0", ["--imagesize=3"], 2, "Unknown flag --imagesize. Did you mean --image_size?"),
        ("return 0", ["--image_size=big"], 2, "flag --image_size=big"),
        ("return 0", ["--resize=squash"], 2, "should be one of <stretch|crop|pad>"),
        ("return 0", ["--flagfile=gone.flags"], 2, "gone.flags"),
        (
            "return 0",
            ["--preset=bst"],
            2,
            "--preset must be one of actions, best, ",
        ),
    ],
)
def test_a_script_ends_with_a_status_and_one_line_at_most(main, arguments, status, message):
    done = run(main, *arguments)
    assert done.returncode == status, done.stderr
    if message is None:
        assert done.stderr == ""
    else:
        assert message in done.stderr and done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("main", "arguments"),
    [("raise ValueError('wrong')", ["--traceback"]), ("raise TypeError('wrong')", [])],
    ids=["asked for", "defect"],
)
def test_a_traceback_is_shown_when_asked_for_and_for_a_defect(main, arguments):
    done = run(main, *arguments)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "Error: wrong" in done.stderr


def test_a_line_is_out_when_it_is_printed_even_if_the_script_is_killed():
    assert run("print('a line'); os._exit(9)").stdout == "a line\n"


def test_noise_of_an_import_is_held_back_unless_it_fails(capfd):
    with launch.quiet_imports():
        os.write(2, b"device notes\n")
        sys.stderr.flush()
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"
    with pytest.raises(ImportError), launch.quiet_imports():
        os.write(2, b"missing library\n")
        raise ImportError
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "missing library\nlater\n"
