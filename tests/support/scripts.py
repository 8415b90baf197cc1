"""Verbs and tools in forks of one process that has imported Keras already."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A module as those in trash_keras/cli/: MAIN is what its main does.
VERB = """
import os, sys
from trash_keras.cli import flags, launch
def main(paths):
    {main}
flags.define_config()
launch.run(sys.modules["__main__"])
"""


class ScriptServer:
    """The other side of script_server.py; a context manager."""

    def __init__(self, folder):
        self._outputs = [str(folder / name) for name in ("stdout", "stderr")]

    def __enter__(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "support" / "script_server.py"],
            stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, name, arguments):
        """Returns the finished process of a script."""
        self._start(name, arguments)
        return self._end(name, arguments)

    def kill(self, name, arguments, when, number=signal.SIGKILL):
        """Sends a script a signal as soon as `when` returns true; returns the finished process.

        It may end before.
        """
        child = self._start(name, arguments)
        deadline = time.monotonic() + 200
        with contextlib.suppress(ProcessLookupError):
            while not when():
                assert time.monotonic() < deadline
                os.kill(child, 0)
                time.sleep(0.01)
            os.kill(child, number)
        return self._end(name, arguments)

    def _start(self, name, arguments):
        order = dict(zip(("stdout", "stderr"), self._outputs, strict=True))
        order |= {"name": name, "arguments": [str(each) for each in arguments], "timeout": 600}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def _end(self, name, arguments):
        status = int(self._process.stdout.readline())
        texts = [Path(output).read_text() for output in self._outputs]
        return subprocess.CompletedProcess([name, *arguments], status, *texts)
