import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trash_keras.storage import caches

# Makes argv[1] out of pieces, with a pause after each; says that it made it.
MAKER = """
import sys, time
from pathlib import Path
from trash_keras.storage import caches
def make(temporary):
    with temporary.open("wb") as file:
        for _ in range(10):
            file.write(bytes(1000))
            file.flush()
            time.sleep(float(sys.argv[2]))
    print("made", flush=True)
caches.make_once(Path(sys.argv[1]), make)
print(Path(sys.argv[1]).stat().st_size, flush=True)
"""


def start(path, pause):
    return subprocess.Popen(
        [sys.executable, "-c", MAKER, str(path), str(pause)],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def half_written(folder):
    return [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]


def test_a_killed_process_leaves_nothing_that_counts(tmp_path):
    path = tmp_path / "cache" / "x.npy"
    for _ in range(2):
        child = start(path, 60)
        deadline = time.monotonic() + 60
        while not (half_written(tmp_path) and child.poll() is None):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert not path.exists() and len(half_written(tmp_path)) == 1
    said, _ = start(path, 0).communicate(timeout=60)
    assert said == "made\n10000\n"
    assert sorted(os.listdir(path.parent)) == [".x.npy.sha256", "x.npy"]


def test_one_of_several_makes_it_and_all_have_it(tmp_path):
    path = tmp_path / "x.npy"
    children = [start(path, 0.1) for _ in range(3)]
    said = "".join(child.communicate(timeout=60)[0] for child in children)
    assert said.count("made") == 1 and said.count("10000") == 3
    assert sorted(os.listdir(tmp_path)) == [".x.npy.sha256", "x.npy"]


def test_a_failure_leaves_no_file_and_the_next_one_makes_it(tmp_path):
    def fail(temporary):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"There is no space to write .*/x"):
        caches.make_once(tmp_path / "x", fail)
    assert not (tmp_path / "x").exists() and not half_written(tmp_path)
    caches.make_once(tmp_path / "x", lambda temporary: temporary.write_bytes(b"whole"))
    caches.make_once(tmp_path / "x", fail)
    assert (tmp_path / "x").read_bytes() == b"whole"


def test_where_no_lock_can_be_written_nobody_waits(tmp_path):
    (tmp_path / "file").touch()
    with caches.alone(tmp_path / "file" / "below" / ".lock"):
        pass
    with pytest.raises(RuntimeError, match="inside"), caches.alone(tmp_path / "file" / ".lock"):
        raise RuntimeError("inside")
