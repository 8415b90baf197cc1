"""Shared fixtures: solid-colour images, a toy backbone, and the command line."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import builders, scripts
from tests.support.reports import (  # noqa: F401 fixtures of tests in several rooms
    explanations,
    ood_report,
    predicted,
    scored,
)

# As `launch.run` has it, so that what scripts and tests compute is the same to the bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser):
    parser.addoption("--weekly", action="store_true", help="Run the tests marked as weekly, too.")


def pytest_collection_modifyitems(config, items):
    """Puts the longest files first, or one worker would have one when the others are done."""
    for item in items:
        if item.get_closest_marker("weekly") and not config.getoption("--weekly"):
            item.add_marker(pytest.mark.skip(reason="runs weekly: give --weekly"))
    marked = {
        name: {item.path for item in items if item.get_closest_marker(name)}
        for name in ("long", "slow")
    }
    items.sort(key=lambda item: (item.path not in marked["long"], item.path not in marked["slow"]))


@pytest.fixture
def data_dir(tmp_path):
    return builders.write_solid(tmp_path / "data")


@pytest.fixture(scope="session")
def toy_backbone(tmp_path_factory):
    """A .keras feature extractor with BatchNorm and Dropout, which scales its input itself."""
    name = "toy.keras"
    folder = builders.make_once(
        tmp_path_factory, "backbone", lambda folder: builders.write_toy_backbone(folder / name)
    )
    return folder / name


@pytest.fixture(scope="session")
def squares():
    """A classifier whose evidence is known: (model, uint8 images for it, labels, boxes).

    Each image has a red or a blue square of 8 px somewhere on noisy grey; the box is
    (top, left). The backbone keeps strong red and blue, and drops what a blur leaves of them.
    """
    import keras

    from trash_keras.models import classifier

    inputs = keras.Input((32, 32, 3))
    colour = keras.layers.Conv2D(2, 1, activation="relu")
    backbone = keras.Model(inputs, keras.layers.AveragePooling2D(4)(colour(inputs)))
    kernel = np.array([[1, -0.5], [-0.5, -0.5], [-0.5, 1]], np.float32)
    colour.set_weights([kernel.reshape(1, 1, 3, 2), np.full(2, -125, np.float32)])
    model = classifier.build(backbone, 2)
    model.get_layer(classifier.LOGITS).set_weights([np.eye(2), np.zeros(2)])
    generator = np.random.default_rng(0)
    images = generator.normal(128, 8, (12, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    boxes, labels = generator.integers(0, 24, (12, 2)), np.arange(12) % 2
    for image, (top, left), label in zip(images, boxes, labels, strict=True):
        image[top : top + 8, left : left + 8] = builders.COLOURS["blue" if label else "red"]
    return model, images, labels, boxes


@pytest.fixture(scope="session")
def train_once(tmp_path_factory, toy_backbone):
    """Trains on solid colours, once for all workers: (name, options of `write_solid`, flags).

    Gives a copy of the run that is the worker's own, the data folder, and what
    `train_and_evaluate` returned.
    """

    def train(name, images, **flags):
        from trash_keras.training.trainer import train_and_evaluate

        def make(folder):
            data = builders.write_solid(folder / "data", **images)
            config = builders.toy_config(data, toy_backbone, **flags)
            report = train_and_evaluate(config, folder / "run", "pytest")
            (folder / "report.pickle").write_bytes(pickle.dumps(report))

        shared = builders.make_once(tmp_path_factory, name, make)
        run = shutil.copytree(shared / "run", tmp_path_factory.mktemp(name) / "run")
        return run, shared / "data", pickle.loads((shared / "report.pickle").read_bytes())

    return train


@pytest.fixture(scope="session")
def trained(train_once):
    """A finished run of the toy backbone on solid colours: (workdir, data folder, report)."""
    return train_once("trained", {})


@pytest.fixture(scope="session")
def doubtful(train_once, toy_backbone):
    """A finished run on one class that is easy and two that nothing tells apart.

    With two views, a temperature that is not 1, predictions that are unsure, and sets:
    (workdir, data folder, report, configuration).
    """
    red = builders.COLOURS["red"]
    colours = {"blue": builders.COLOURS["blue"], "brick": red, "red": red}
    flags = {"head_epochs": 12, "finetune_epochs": 0, "tta": 2, "conformal_alpha": 0.2,
             "label_smoothing": 0.0}  # fmt: skip
    run, data, report = train_once("doubtful", {"per_class": 40, "colours": colours}, **flags)
    return run, data, report, builders.toy_config(data, toy_backbone, **flags)


@pytest.fixture(scope="session")
def configure():
    """`builders.toy_config`."""
    return builders.toy_config


@pytest.fixture(scope="session")
def script_server(tmp_path_factory):
    """Runs and kills scripts where Keras is imported already."""
    with scripts.ScriptServer(tmp_path_factory.mktemp("script")) as server:
        yield server


def module_of(name):
    """Returns what follows `python -m` to start a verb, or a script "tools.NAME"."""
    return [name] if name.startswith("tools.") else ["trash_keras", name]


@pytest.fixture(scope="session")
def script(request):
    """Runs `trash-keras NAME`, or `python -m tools.NAME`, and returns the finished process.

    With fresh=True, or with options of `subprocess.run`, in a Python of its own as a user's: for
    tests of what is printed while TensorFlow is imported, of variables and of speed.
    """

    def run(name, *arguments, fresh=False, **options):
        arguments = [str(argument) for argument in arguments]
        if not fresh and not options:
            return request.getfixturevalue("script_server").run(name, arguments)
        command = [sys.executable, "-m", *module_of(name), *arguments]
        options = {"capture_output": True, "text": True, "timeout": 600, "cwd": ROOT} | options
        return subprocess.run(command, **options)

    return run


@pytest.fixture(scope="session")
def kill_script(script_server):
    """Starts `trash-keras NAME` and kills it as soon as `when` returns true."""

    def kill(name, *arguments, when):
        assert script_server.kill(name, arguments, when).returncode == -signal.SIGKILL

    return kill


@pytest.fixture(scope="session")
def copy_working_tree():
    """Copies what git tracks or would track, as it is now, into a new folder; returns that."""

    def copy(target):
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target / name)
        return target

    return copy


@pytest.fixture(scope="module")
def make_browser():
    """Starts headless Chromium; with_script=False is a reader who allows none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: extra dev")
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    started = []

    def make(*arguments, with_script=True):
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", *arguments):
            options.add_argument(argument)
        if not with_script:
            setting = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", setting)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(driver)
        started.append(webdriver.Chrome(options=options, service=service))
        return started[-1]

    yield make
    for browser in started:
        browser.quit()
