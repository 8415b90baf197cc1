"""Ambient settings of Keras, TensorFlow and NumPy do not decide what is computed."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

import trash_keras as tk
from tests.support import builders
from trash_keras.models import keras_settings

ROOT = Path(__file__).parents[2]
CHANGES = {
    "channels first": (keras.config.set_image_data_format, "channels_first"),
    "half floats": (keras.config.set_floatx, "float16"),
    "double floats": (keras.config.set_floatx, "float64"),
    "large epsilon": (keras.config.set_epsilon, 0.5),
    "precision policy": (keras.config.set_dtype_policy, "mixed_bfloat16"),
    "one epoch": (keras.config.set_max_epochs, 1),
    "one step": (keras.config.set_max_steps_per_epoch, 1),
}


def current():
    config = keras.config
    return (
        config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy().name,
        config.max_epochs(), config.max_steps_per_epoch(),
    )  # fmt: skip


@pytest.fixture
def host(request):
    """Changes one global setting as a host program would, and puts it back."""
    before = current()
    change, value = CHANGES[request.param]
    change(value)
    yield current()
    keras.config.set_image_data_format(before[0])
    keras.config.set_floatx(before[1])
    keras.config.set_epsilon(before[2])
    keras.config.set_dtype_policy(before[3])
    keras.config.set_max_epochs(before[4])
    keras.config.set_max_steps_per_epoch(before[5])


@pytest.mark.slow
@pytest.mark.parametrize("host", CHANGES, indirect=True)
def test_training_is_the_same_in_any_host_program(host, trained, toy_backbone, tmp_path):
    _, data, expected = trained
    report = tk.train(builders.toy_config(data, toy_backbone), tmp_path / "run")
    assert report["test"]["loss"] == expected["test"]["loss"]
    assert report["valid"]["loss"] == expected["valid"]["loss"]
    assert current() == host, "the host's settings are as before"


@pytest.mark.parametrize("host", ["channels first", "half floats"], indirect=True)
def test_inference_and_evaluation_are_the_same_in_any_host_program(host, trained):
    run, data, _ = trained
    images = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3)).astype(np.uint8)
    with keras_settings.settled():
        expected = tk.load(run / "model.keras").predict_proba(images)
    found = tk.load(run / "model.keras").predict_proba(images)
    np.testing.assert_array_equal(found, expected)
    assert tk.evaluate(run / "model.keras", data)["all"]["accuracy"] > 0.9
    assert current() == host


def test_numpy_that_raises_is_no_error(trained):
    run, data, _ = trained
    with np.errstate(all="raise"):
        assert tk.evaluate(run / "model.keras", data)["all"]["examples"] == 36
        assert np.geterr()["under"] == "raise"


def test_threads_and_nested_calls_leave_the_host_its_settings():
    @keras_settings.settled()
    def nested(depth):
        assert keras.config.floatx() == "float32"
        return nested(depth - 1) if depth else None

    keras.config.set_floatx("float64")
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(nested, [1, 2, 3] * 20))
        assert keras.config.floatx() == "float64"
    finally:
        keras.config.set_floatx("float32")


@pytest.mark.parametrize(
    ("name", "value"),
    [("TF_ENABLE_AUTO_MIXED_PRECISION", "1"), ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")],
)
def test_a_variable_that_makes_tensorflow_less_precise_is_refused(
    name, value, trained, monkeypatch
):
    run, data, _ = trained
    monkeypatch.setenv(name, value)
    for start in (
        lambda: tk.evaluate(run / "model.keras", data),
        lambda: tk.load(run / "model.keras"),
        lambda: tk.export(run, ["float32"]),
    ):
        with pytest.raises(ValueError, match=name):
            start()
    monkeypatch.setenv(name, "0")
    tk.load(run / "model.keras")


def python(code, home, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


PREDICT = """
import os, numpy as np, trash_keras as tk
before = dict(os.environ)
images = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3)).astype(np.uint8)
print(tk.load({path!r}).predict_proba(images).tobytes().hex())
import keras
assert os.environ.get("KERAS_BACKEND") == before.get("KERAS_BACKEND")
print(keras.config.image_data_format(), keras.config.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"image_data_format": "channels_first", "floatx": "float16"}, {}),
        ({"backend": "jax", "floatx": "float64", "epsilon": 0.1}, {}),
        ({}, {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1"}),
    ],
)
def test_a_settings_file_and_variables_change_no_prediction(settings, variables, trained, tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))
    run, _, _ = trained
    done = python(PREDICT.format(path=str(run / "model.keras")), tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    images = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3)).astype(np.uint8)
    probabilities, rest = done.stdout.splitlines()
    expected = tk.load(run / "model.keras").predict_proba(images)
    np.testing.assert_array_equal(
        np.frombuffer(bytes.fromhex(probabilities), np.float32).reshape(4, -1), expected
    )
    assert rest == f"{settings.get('image_data_format', 'channels_last')} tensorflow"


@pytest.mark.slow
@pytest.mark.parametrize("text", ['{"floatx": "int8"}', "[1]"])
def test_a_broken_settings_file_is_named_in_one_line(text, script, trained, tmp_path):
    run, data, _ = trained
    (tmp_path / "keras.json").write_text(text)
    done = script(
        "evaluate", f"--model={run}/model.keras", f"--data_dir={data}", f"--output={tmp_path}/out",
        env=os.environ | {"KERAS_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert str(tmp_path / "keras.json") in done.stderr


@pytest.mark.slow
def test_a_host_program_on_another_backend_is_told(trained, tmp_path):
    run, _, _ = trained
    code = f"import keras, trash_keras as tk; tk.load({str(run / 'model.keras')!r})"
    done = python(code, tmp_path, KERAS_BACKEND="jax")
    assert "ValueError: Keras runs on jax in this process" in done.stderr
