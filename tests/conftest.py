"""Shared fixtures: solid-colour pictures, a toy backbone, and the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# As `launch.run` has it, so that what scripts and tests compute is the same to the bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLOURS = {"blue": (30, 40, 220), "green": (30, 200, 40), "red": (220, 30, 30)}


def pytest_collection_modifyitems(items):
    """Puts files with slow tests first, or one worker would have them when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def write_solid(folder: Path, per_class: int = 12, side: int = 20, colours=None) -> Path:
    """Writes class folders of solid colours with a little noise, as PNG."""
    generator = np.random.default_rng(0)
    for name, colour in (colours or COLOURS).items():
        (folder / name).mkdir(parents=True)
        for index in range(per_class):
            noise = generator.normal(0, 8, (side, side + 4, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}{index}.png")
    return folder


@pytest.fixture
def data_dir(tmp_path):
    return write_solid(tmp_path / "data")


@pytest.fixture(scope="session")
def toy_backbone(tmp_path_factory):
    """A .keras feature extractor with BatchNorm and Dropout, which scales its input itself."""
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Dropout(0.1)(x)
    x = keras.layers.Conv2D(12, 3, activation="relu")(x)
    path = tmp_path_factory.mktemp("backbone") / "toy.keras"
    keras.Model(inputs, x, name="toy").save(path)
    return path


@pytest.fixture(scope="session")
def squares():
    """A classifier whose evidence is known: (model, uint8 images for it, labels, boxes).

    Each picture has a red or a blue square of 8 px somewhere on noisy grey; the box is
    (top, left). The backbone keeps strong red and blue, and drops what a blur leaves of them.
    """
    import keras

    from trash_keras.modeling import classifier

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
        image[top : top + 8, left : left + 8] = COLOURS["blue" if label else "red"]
    return model, images, labels, boxes


@pytest.fixture(scope="session")
def trained(tmp_path_factory, toy_backbone):
    """A finished run of the toy backbone on solid colours: (workdir, data folder, report)."""
    from trash_keras.training.loop import train_and_evaluate

    folder = tmp_path_factory.mktemp("trained")
    data = write_solid(folder / "data")
    config = toy_config(data, toy_backbone)
    report = train_and_evaluate(config, folder / "run", "pytest")
    return folder / "run", data, report


@pytest.fixture(scope="session")
def doubtful(tmp_path_factory, toy_backbone):
    """A finished run on one class that is easy and two that nothing tells apart.

    With two views, a temperature that is not 1, answers that are unsure, and sets:
    (workdir, data folder, report, configuration).
    """
    from trash_keras.training.loop import train_and_evaluate

    folder = tmp_path_factory.mktemp("doubtful")
    red = COLOURS["red"]
    colours = {"blue": COLOURS["blue"], "brick": red, "red": red}
    data = write_solid(folder / "data", per_class=40, colours=colours)
    config = toy_config(
        data, toy_backbone, finetune_epochs=0, tta=2, conformal_error=0.2, label_smoothing=0.0
    )
    report = train_and_evaluate(config, folder / "run", "pytest")
    return folder / "run", data, report, config


def toy_config(data, backbone, **changes):
    """A configuration that takes seconds; `changes` are flags by name."""
    from trash_keras.config import Config, fields

    flags = {
        "data_dir": str(data), "backbone": str(backbone), "image_size": 16, "batch_size": 8,
        "head_epochs": 12, "head_learning_rate": 0.05, "finetune_epochs": 2,
        "deterministic": True, "accelerator": "cpu", **changes,
    }  # fmt: skip
    values = {}
    for section, field in fields():
        if field.name in flags:
            values.setdefault(section, {})[field.name] = flags.pop(field.name)
    assert not flags, f"unknown settings {flags}"
    return Config.from_dict(values)


@pytest.fixture(scope="session")
def configure():
    """`toy_config`, for tests."""
    return toy_config


@pytest.fixture(scope="session")
def script_server(tmp_path_factory):
    """Runs a script where Keras is imported already: (name, arguments) -> finished process."""
    outputs = [str(tmp_path_factory.mktemp("script") / name) for name in ("stdout", "stderr")]
    command = [sys.executable, ROOT / "tests" / "support" / "script_server.py"]
    pipe, path = subprocess.PIPE, {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        env=os.environ | path,
    ) as server:  # fmt: skip

        def run(name, arguments):
            order = dict(zip(("stdout", "stderr"), outputs, strict=True))
            order |= {"name": name, "arguments": arguments, "timeout": 600}
            print(json.dumps(order), file=server.stdin, flush=True)
            status = int(server.stdout.readline())
            texts = [Path(output).read_text() for output in outputs]
            return subprocess.CompletedProcess([name, *arguments], status, *texts)

        yield run
        server.stdin.close()


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
            return request.getfixturevalue("script_server")(name, arguments)
        command = [sys.executable, "-m", *module_of(name), *arguments]
        options = {"capture_output": True, "text": True, "timeout": 600, "cwd": ROOT} | options
        return subprocess.run(command, **options)

    return run


@pytest.fixture(scope="session")
def kill_script():
    """Starts `trash-keras NAME` and kills it as soon as `when` returns true."""

    def kill(name, *arguments, when):
        command = [sys.executable, "-m", *module_of(name), *map(str, arguments)]
        null = subprocess.DEVNULL
        with subprocess.Popen(command, cwd=ROOT, stdout=null, stderr=null) as process:
            deadline = time.monotonic() + 200
            while not when():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL

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
