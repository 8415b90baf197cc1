import subprocess
import sys
import threading

from trash_keras.training import work_queue

HOLD = """
import sys, time
from pathlib import Path
from trash_keras.training.work_queue import run_exclusively
run_exclusively([Path(sys.argv[1])], lambda number: (print("here", flush=True), time.sleep(600)))
"""


def test_every_folder_has_its_turn(tmp_path):
    done = []
    work_queue.run_exclusively([tmp_path / name for name in "abc"], done.append)
    assert done == [0, 1, 2]


def test_the_work_of_another_process_comes_last_and_is_taken_over_when_that_is_killed(
    tmp_path, capsys
):
    command = [sys.executable, "-c", HOLD, tmp_path / "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "here\n"
        done = []

        def work(number):
            done.append(number)
            if number == 2:
                assert other.poll() is None
                threading.Timer(2, other.kill).start()  # when the queue waits for it

        work_queue.run_exclusively([tmp_path / name for name in "abc"], work)
    assert done == [1, 2, 0]
    assert f"Waiting for the process that works in {tmp_path / 'a'}" in capsys.readouterr().out
