"""The command itself: which verbs there are, and that they start without what they do not need."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import trash_keras
from trash_keras.cli import verbs

ROOT = Path(__file__).parents[2]
# Imports nothing heavy, whatever is asked of it.
PROGRAM = """
import sys
from trash_keras import __main__
sys.argv = ["trash-keras", *sys.argv[1:]]
try:
    __main__.main()
finally:
    heavy = {"tensorflow", "keras", "numpy", "scipy", "sklearn", "PIL", "rich", "tqdm"}
    heavy &= set(sys.modules)
    print(sorted(heavy), file=sys.stderr)
"""


def start(*command, **options):
    options = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)}} | options
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, **options
    )


def without_heavy_imports(*arguments):
    done = start("-c", PROGRAM, *arguments)
    assert done.stderr.endswith("[]\n"), done.stderr
    return done


def seconds(*arguments):
    """Returns the processor time of a start: other programs make the clock's longer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start("-m", "trash_keras", *arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(("arguments", "status"), [((), 2), (("--help",), 0), (("help",), 0)])
def test_it_lists_the_verbs_everyday_ones_first(arguments, status):
    done = without_heavy_imports(*arguments)
    assert done.returncode == status
    listed = re.findall(r"^  (\w+) +([A-Z].+)$", done.stdout, re.MULTILINE)
    assert [verb for verb, _ in listed] == list(verbs.VERBS)
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    assert listed[0][0] == "train" and "transfer learning" in listed[0][1]


def test_every_module_of_a_verb_is_listed():
    machinery = {
        "flag_files",
        "__init__",
        "flags",
        "help_pages",
        "hints",
        "launch",
        "local_workers",
        "signals",
        "verbs",
    }
    modules = {path.stem for path in (ROOT / "trash_keras/cli").glob("*.py")}
    assert modules - machinery == set(verbs.VERBS)
    assert {path.stem for path in ROOT.glob("experiments/[a-z]*.py")} == set(verbs.VERBS)


@pytest.mark.parametrize("verb", verbs.VERBS)
@pytest.mark.parametrize("asked", ["--help", "--help_all"])
def test_help_says_what_it_does_how_to_start_it_and_which_flags_there_are(verb, asked):
    done = without_heavy_imports(verb, asked)
    assert done.returncode == 0
    assert re.match(r"[A-Z].+\.\n\n    trash-keras " + verb, done.stdout)
    assert re.search(r"^  --(model|data_dir|workdir|output)=", done.stdout, re.MULTILINE)
    assert ("--[no]traceback" in done.stdout) == (asked == "--help_all")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("trian",), "Unknown verb trian. Did you mean train?"),
        (("cross-validate",), "Did you mean cross_validate?"),
        (("val", "--x"), "Did you mean evaluate?"),
        (("xyz",), "Verbs: train, adapt, predict, "),
        (("--data_dir=x",), "A verb comes first: trash-keras VERB --data_dir=x"),
    ],
)
def test_a_wrong_verb_gets_the_near_one(arguments, hint):
    done = without_heavy_imports(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and hint in done.stderr


def test_the_version_is_that_of_the_package():
    assert without_heavy_imports("--version").stdout == f"trash-keras {trash_keras.__version__}\n"


def test_nobody_waits_for_help():
    asked = (
        "import time; s = time.process_time(); import trash_keras; print(time.process_time() - s)"
    )
    assert float(start("-c", asked).stdout) < 0.1
    assert min(seconds("--help") for _ in range(3)) < 0.3
    assert min(seconds("train", "--help") for _ in range(3)) < 0.3


def test_a_reader_who_has_seen_enough_hears_of_no_broken_pipe():
    command = f"{sys.executable} -u -m trash_keras --help | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("usage: trash-keras") and done.stderr == ""


@pytest.mark.slow
def test_all_doors_are_the_same_and_a_folder_with_names_of_ours_is_no_trap(tmp_path):
    for name in ("experiments", "tools", "config", "presets"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')")
    asked = ("predict", "--format=json", "gone.jpg")
    done = start("-m", "trash_keras", *asked, cwd=tmp_path)
    assert done.returncode == 1 and "error: gone.jpg: " in done.stderr
    script = start("-m", "experiments.predict", *asked[1:])
    assert (script.returncode, script.stderr) == (1, done.stderr)


@pytest.mark.slow
def test_the_wheel_has_the_presets_the_command_and_no_scripts(copy_working_tree, tmp_path):
    pytest.importorskip("setuptools", reason="needs setuptools: pip install setuptools")
    import zipfile

    sources = copy_working_tree(tmp_path / "sources")
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = start("-c", build, tmp_path, cwd=sources, env=os.environ)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    # The package, and the folder of what is known about it: trash_keras-VERSION.dist-info.
    assert {re.split("[/-]", name)[0] for name in names} == {"trash_keras"}
    assert {"trash_keras/presets/best.flags", "trash_keras/cli/train.py"} <= set(names)
    (points,) = (name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(points).decode()
    assert "trash-keras = trash_keras.__main__:main" in text
