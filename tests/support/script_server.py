"""Runs verbs and tools in forks of a process with Keras imported, which takes longer than most.

Reads a JSON object a line: name, arguments, files for stdout and stderr, and the seconds that it
may take. Responds to each with two lines: the process and, at its end, its exit status.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import traceback


def main():
    import keras  # noqa: F401  nothing is computed, so no thread of TensorFlow is there to lose

    gc.freeze()  # what is there by now is not looked through again in each fork
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            run(**order)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(name, arguments, stdout, stderr, timeout):
    signal.alarm(timeout)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` ignores
    for number, path, mode in ((0, os.devnull, "rb"), (1, stdout, "wb"), (2, stderr, "wb")):
        with open(path, mode) as file:
            os.dup2(file.fileno(), number)
    is_tool = name.startswith("tools.")
    sys.argv = [name, *arguments] if is_tool else ["trash-keras", name, *arguments]
    status = 0
    try:
        module = name if is_tool else "trash_keras"
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # taking all modules apart would take seconds


if __name__ == "__main__":
    main()
