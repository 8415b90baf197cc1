import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from trash_keras.exporters import converter

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SIZE = 8


def save(folder, function):
    """Writes a SavedModel of a function of [1, 8] numbers; returns its path."""
    module = tf.Module()
    spec = tf.TensorSpec((1, SIZE), tf.float32)
    module.run = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.run)
    return folder


def test_what_litert_cannot_compute_is_said_in_one_line(tmp_path):
    model = save(tmp_path / "model", lambda x: {"y": tf.math.betainc(x, x, x)})
    with pytest.raises(ValueError, match=r"^The model cannot be converted .*Betainc.*") as error:
        converter.convert(model)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"cannot be converted to TFLite: .*does not exist"):
        converter.convert(tmp_path / "gone")


def test_a_process_that_runs_out_of_memory_is_named(tmp_path, monkeypatch):
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    with pytest.raises(ValueError, match="was ended by SIGKILL, as it is when memory runs out"):
        converter.convert(tmp_path)


def children(process):
    """Returns the numbers of the processes that a process has started."""
    there = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in there.read_text().split()]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_process_ends_with_the_one_that_waits_for_it(tmp_path, number):
    code = f"from trash_keras.exporters import converter; converter.convert({str(tmp_path)!r})"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as waiting:
        (child,) = wait_for(lambda: children(waiting))
        os.kill(waiting.pid, number)
        waiting.communicate()
    wait_for(lambda: not Path(f"/proc/{child}").exists())


def test_one_module_names_tf_lite():
    modules = [path for name in ("trash_keras", "tools") for path in (ROOT / name).rglob("*.py")]
    found = [path.name for path in modules if "tf.lite" in path.read_text(encoding="utf-8")]
    assert found == ["converter.py"]
