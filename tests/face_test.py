import doctest
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image, ImageDraw

import trash_keras as tk

ROOT = Path(__file__).parents[1]
BLOCKED = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocked())
"""
# All that the extra `train` brings and the extra `runtime` does not.
HEAVY = {
    "tensorflow", "keras", "scipy", "sklearn", "matplotlib", "jinja2", "wandb", "fsspec",
    "tensorflow_datasets", "h5py", "filelock", "pandas", "huggingface_hub",
}  # fmt: skip


@pytest.fixture(scope="module")
def classifier():
    return tk.load()


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A drawn sheet of paper with lines, in the working folder."""
    image = Image.new("RGB", (512, 384), (190, 180, 170))
    draw = ImageDraw.Draw(image)
    draw.rectangle((96, 60, 416, 324), fill=(250, 250, 250))
    for y in range(90, 310, 24):
        draw.line((120, y, 390, y), fill=(60, 60, 60), width=4)
    image.save(tmp_path / "photo.jpg", quality=95)
    (tmp_path / "notes.txt").write_text("not an image")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photo.jpg"


def run(*lines):
    code = "\n".join(lines)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment
    )


def test_importing_it_imports_nothing_heavy_and_names_all():
    done = run(
        "import sys, trash_keras",
        "assert set(trash_keras.__all__) <= set(dir(trash_keras))",
        "assert not {'numpy', 'PIL', 'tensorflow', 'keras', 'absl'} & set(sys.modules)",
        "trash_keras.Config.make(seed=1)",
        "assert not {'numpy', 'PIL', 'tensorflow', 'keras', 'absl'} & set(sys.modules)",
        "trash_keras.load()",
        "assert not {'tensorflow', 'keras', 'scipy', 'sklearn'} & set(sys.modules)",
    )
    assert done.returncode == 0, done.stderr


def test_importing_it_takes_no_time():
    def seconds():
        started = time.process_time()
        importlib.reload(tk)
        return time.process_time() - started

    assert min(seconds() for _ in range(3)) < 0.1


def test_every_name_is_there_and_another_is_not():
    assert [name for name in tk.__all__ if not getattr(tk, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        tk.fit  # noqa: B018


def test_no_package_hides_a_name():
    packages = {path.parent.name for path in Path(tk.__file__).parent.glob("*/__init__.py")}
    assert not packages & set(tk.__all__)


def test_the_extra_runtime_is_enough_and_the_rest_says_what_it_needs(photo):
    done = run(
        BLOCKED.format(names=HEAVY),
        "import trash_keras as tk",
        f"print(tk.load().predict({str(photo)!r}).label)",
        "try: tk.train",
        "except ImportError as error: print(error)",
        "open('model.keras', 'wb')",
        "from trash_keras.predictor import import_runtime",
        "try: import_runtime('model.keras')",
        "except ImportError as error: print(error)",
    )
    assert done.returncode == 0, done.stderr
    label, train, load = done.stdout.splitlines()
    assert label == "paper"
    assert train.startswith("trash_keras.train needs the package ")
    assert load.startswith("model.keras needs the package ")
    assert all(": pip install '.[train]' in a clone" in line for line in (train, load))


@pytest.mark.parametrize("name", ["trash_keras.predictor", "trash_keras.config"])
def test_the_examples_say_what_happens(photo, name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed


def python_blocks(name):
    section = (ROOT / name).read_text(encoding="utf-8").split("\n## In Python\n")[1]
    return re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)


def check_calls(called):
    """Checks that what was called takes such arguments."""
    for name in ("train", "evaluate", "export"):
        for call in getattr(called, name).call_args_list:
            inspect.signature(getattr(tk, name)).bind(*call.args, **call.kwargs)


def test_the_blocks_of_the_documentation_are_right(photo, capsys):
    predicting, training = python_blocks("docs/getting_started.md")
    (photo.parent / "folder").mkdir()
    shutil.copy(photo, "folder")
    names = {"images": np.full((2, 30, 40, 3), 127, np.uint8)}
    exec(predicting, names)
    assert names["prediction"].label == "paper" and names["probabilities"].shape == (2, 6)
    assert "photo.jpg paper 9" in capsys.readouterr().out

    called = mock.Mock(Config=tk.Config)
    exec(training, {"tk": called})
    assert called.train.called and called.evaluate.called and called.export.called
    check_calls(called)


def test_the_block_of_the_readme_is_right(photo, capsys):
    (block,) = python_blocks("README.md")
    importing, rest = block.split("\n", 1)
    assert importing == "import trash_keras as tk" and len(rest.strip().splitlines()) == 5
    called = mock.Mock(Config=tk.Config, load=tk.load)
    called.train.return_value = {"test": {"accuracy": 0.9, "accuracy_interval": [0.8, 0.95]}}
    exec(rest, {"tk": called})
    assert capsys.readouterr().out.startswith("paper 0.9")
    assert called.train.called and called.export.called
    check_calls(called)


def test_a_run_is_trained_evaluated_and_exported(data_dir, toy_backbone, tmp_path, monkeypatch):
    config = tk.Config.make(
        data_dir=data_dir, backbone=toy_backbone, image_size=16, batch_size=8, head_epochs=12,
        head_learning_rate=0.05, finetune_epochs=0, accelerator="cpu",
    )  # fmt: skip
    run = tmp_path / "run"
    assert tk.train(config, run)["test"]["accuracy"] == 1

    monkeypatch.setattr("trash_keras.reporting.report.write", None)  # what writes a report
    before = set(tmp_path.rglob("*"))
    report = tk.evaluate(run / "model.keras", data_dir)
    assert set(tmp_path.rglob("*")) == before
    assert report["all"]["accuracy"] == 1 and report["all"]["examples"] == 36
    assert report["class_names"] == ["blue", "green", "red"]
    for catalog, options in ((run / "catalog.json", {}), ("", {"threshold": 1.0})):
        found = tk.evaluate(run / "model.keras", data_dir, catalog=catalog, **options)
        part = found["test" if catalog else "all"]
        assert part["abstention"]["coverage"] == (0 if options else pytest.approx(1, abs=0.5))

    for formats in (["float32"], "float32"):  # twice: the package `export` is imported by now
        found = tk.export(run, formats, timing_rounds=0)
        assert found["kinds"]["float32"]["agreement"] == 1 and not found["refused"]
    classifier = tk.load(run / "export" / "model_float32.tflite", threshold=0)
    assert [one.label for one in classifier.predict(data_dir / "red")] == ["red"] * 12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tk.evaluate("m", "d", treshold=1), "no setting 'treshold'. Did you mean 'thr"),
        (lambda: tk.evaluate("m", "d", robustness_images=3), "nothing without --robustness"),
        (lambda: tk.evaluate("m", "d", bad_files="maybe"), "--bad_files must be one of error, sk"),
        (
            lambda: tk.export("r", ["float32"], rounds=1),
            "'rounds'. Did you mean 'timing_rounds'",
        ),
        (lambda: tk.export("r", ["int4"]), "Unknown formats: int4. --formats takes: saved_model"),
        (lambda: tk.load("gone.tflite"), "There is no model at gone.tflite"),
        (lambda: tk.load(threshold=2), "--threshold must be between 0 and 1. Received: 2"),
        (lambda: tk.load(tta=2), "--tta takes a .keras file"),
    ],
)
def test_user_errors_are_refused(call, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        call()


def test_it_is_typed(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "mine.py").write_text(
        "import trash_keras as tk\n"
        "reveal_type(tk.load().predict(b''))\n"
        "reveal_type(tk.load().predict([b'', 'a.jpg']))\n"
        "reveal_type(tk.Config.make(preset='best').data.image_size)\n"
        "reveal_type(tk.train(tk.Config(), 'run'))\n"
    )
    # With the cache that `make lint` leaves, or it would read the whole package again.
    places = [f"--config-file={ROOT / 'setup.cfg'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    command = [sys.executable, "-m", "mypy", *places, "mine.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    revealed = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed" in line]
    assert revealed == [
        "trash_keras.predictor.Prediction", "list[trash_keras.predictor.Prediction]",
        "int", "dict[str, Any]",
    ], done.stdout  # fmt: skip
