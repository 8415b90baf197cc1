import contextlib
import subprocess
import sys

import pytest

from trash_keras.storage import locks

HOLD = """
import sys, time
from trash_keras.storage import locks
with locks.hold("workdir", sys.argv[1]):
    print("here", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def at_work(folder):
    """Another process that holds the lock of a folder."""
    command = [sys.executable, "-c", HOLD, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "here\n"
            yield other
        finally:
            other.kill()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    with at_work(tmp_path / "run") as other:
        message = f"Another process is at work in {tmp_path}/run. Wait .* another --workdir"
        with pytest.raises(ValueError, match=message), locks.hold("workdir", tmp_path / "run"):
            pytest.fail("two processes at once")
        with locks.hold("workdir", tmp_path / "other"):
            pass
        other.kill()
        other.wait()
        with locks.hold("workdir", tmp_path / "run"):
            pass


def test_the_same_process_may_hold_a_lock_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with locks.hold("workdir", "run"), locks.hold("workdir", tmp_path / "run"):
        pass


def test_a_folder_to_which_nothing_was_written_goes_away(tmp_path):
    with pytest.raises(KeyError), locks.hold("workdir", tmp_path / "a" / "run"):
        raise KeyError
    assert not (tmp_path / "a" / "run").exists()
    (tmp_path / "old").mkdir()
    with locks.hold("workdir", tmp_path / "old"), locks.hold("output", ""):
        (tmp_path / "old" / "file").touch()
    assert (tmp_path / "old" / "file").exists()


def test_where_no_lock_can_be_the_block_runs(tmp_path):
    (tmp_path / "file").touch()
    done = []
    with locks.hold("workdir", tmp_path / "file" / "below"):
        done.append(True)
    assert done


def test_every_function_that_writes_is_refused(tmp_path, trained, configure, toy_backbone):
    from trash_keras.evaluation.evaluate import evaluate
    from trash_keras.exporters.exporter import export
    from trash_keras.training.trainer import train_and_evaluate

    workdir, data, _ = trained
    with at_work(workdir):
        for call in (
            lambda: train_and_evaluate(configure(data, toy_backbone), workdir),
            lambda: export(workdir, ["float32"], data),
            lambda: evaluate(workdir / "model.keras", data, workdir),
        ):
            with pytest.raises(ValueError, match="Another process is at work"):
                call()
    assert not (workdir / "export").exists()


def test_what_a_killed_process_left_is_swept(tmp_path):
    left = [".report-abcd1234.tmp", "figures/.a-__x9y8z7.tmp", "backup/.state.json.sha256.tmp"]
    kept = [".mine.tmp", "a.tmp", "figures/.a-abcd1234.png", "other/.b-abcd1234.tmp"]
    for name in [*left, *kept]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).mkdir() if "report" in name else (tmp_path / name).touch()
    (tmp_path / "other" / ".lock").touch()  # which another process may hold
    with locks.hold("workdir", tmp_path):
        assert not [name for name in left if (tmp_path / name).exists()]
        assert all((tmp_path / name).exists() for name in kept)
