"""Signals end every verb soon, with a line and the status that shells expect."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.scripts import VERB

ROOT = Path(__file__).parents[2]
WAIT = "print('here', flush=True); import time; time.sleep(60)"
# What a library may do with the exception of a signal.
DROPPED = """import time
    from trash_keras.cli import signals
    signals.SECONDS = {seconds}
    try:
        print("here", flush=True)
        time.sleep(60)
    except BaseException:
        print("dropped", flush=True)
    time.sleep(60)"""
# Where Python itself drops it: callbacks of the garbage collector, finalizers.
COLLECTED = """import gc, time
    def busy(*_):
        if gc.callbacks:
            print("here", flush=True)
        gc.callbacks.clear()
        time.sleep(1)
    gc.callbacks.append(busy)
    gc.collect()
    time.sleep(60)"""
FINALIZED = """import time
    class Busy:
        def __del__(self):
            print("here", flush=True)
            time.sleep(1)
    Busy()
    time.sleep(60)"""
CHANGED = """import time
    try:
        print("here", flush=True)
        time.sleep(60)
    except BaseException:
        raise {kind}("UnknownError: KeyboardInterrupt")"""


def start(main, ignored=()):
    def set_up():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` ignores
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which `nohup make test` ignores
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    verb = subprocess.Popen(
        [sys.executable, "-c", VERB.format(main=main)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=set_up,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert verb.stdout.readline() == "here\n"
    return verb


def end(verb, number):
    """Returns the status, after a line was said."""
    output = verb.communicate(timeout=30)
    assert output[1].startswith("error: interrupted; nothing is half-written"), output
    assert output[1].count("\n") == 1
    return verb.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "main",
    [WAIT, CHANGED.format(kind="TypeError"), CHANGED.format(kind="OSError"), COLLECTED, FINALIZED],
    ids=["waits", "TypeError", "OSError", "collected", "finalized"],
)
def test_a_signal_ends_a_verb(main, number):
    verb = start(main)
    verb.send_signal(number)
    assert end(verb, number)


def test_a_verb_that_goes_on_is_ended_after_a_while():
    verb = start(DROPPED.format(seconds=0.5))
    verb.send_signal(signal.SIGINT)
    assert end(verb, signal.SIGINT)


def test_a_second_signal_ends_a_verb_at_once():
    verb = start(DROPPED.format(seconds=50))
    verb.send_signal(signal.SIGTERM)
    assert verb.stdout.readline() == "dropped\n"
    started = time.monotonic()
    verb.send_signal(signal.SIGINT)
    assert end(verb, signal.SIGTERM) and time.monotonic() - started < 10


def test_what_is_ignored_stays_so():
    verb = start(WAIT, ignored=[signal.SIGHUP])  # as `nohup` has it
    verb.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert verb.poll() is None
    verb.send_signal(signal.SIGTERM)
    assert end(verb, signal.SIGTERM)


@pytest.mark.parametrize(
    ("verb", "number", "flags"),
    [("train", signal.SIGTERM, []), ("cross_validate", signal.SIGINT, ["--folds=2", "--seeds=1"])],
)
def test_training_is_continued_after_a_signal(
    script, script_server, tmp_path, data_dir, toy_backbone, verb, number, flags
):
    given = [
        f"--data_dir={data_dir}", f"--backbone={toy_backbone}", f"--workdir={tmp_path}/run",
        "--image_size=16", "--head_epochs=12", "--finetune_epochs=0", "--accelerator=cpu", *flags,
    ]  # fmt: skip
    begun = []

    def when():
        begun[:] = (tmp_path / "run").rglob("head/state.json")
        return begun

    done = script_server.kill(verb, given, when, number)
    assert done.returncode == 128 + number, done.stderr
    assert "the same command continues where it stopped" in done.stderr
    assert "Traceback" not in done.stderr
    assert script(verb, *given).returncode == 0
