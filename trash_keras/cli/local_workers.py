"""Starts the workers of a training run on this machine, each a process, for trying it out."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from trash_keras.host import cluster

STOP_SECONDS = 20.0


def are_to_start(workers: int) -> bool:
    """Tells whether this process is to start workers, and is not one itself.

    Raises:
        ValueError: TF_CONFIG names another number of them.
    """
    there = len(cluster.read().addresses)
    if there and workers not in (1, there):
        raise ValueError(
            f"--workers={workers}, and the variable {cluster.VARIABLE} names {there}. Leave out "
            "the flag: it is for workers on one machine."
        )
    return workers > 1 and not there


def run(arguments: Sequence[str], workers: int) -> int:
    """Runs a command in several processes; the chief's output is that of this process.

    The first that fails ends the others.

    Args:
        arguments: What follows `python -m trash_keras`.
        workers: 2 or more.

    Returns:
        0, or the exit status of the chief, which has said why.

    Raises:
        ValueError: Another worker failed first.
    """
    addresses = [f"localhost:{port}" for port in _free_ports(workers)]
    command = [sys.executable, "-m", "trash_keras", *arguments]
    processes: list[subprocess.Popen] = []
    with contextlib.ExitStack() as stack:
        outputs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in addresses[1:])]
        stack.callback(_stop, processes)
        for index, output in enumerate(outputs):
            task = {"type": "worker", "index": index}
            variable = json.dumps({"cluster": {"worker": addresses}, "task": task})
            environment = os.environ | {cluster.VARIABLE: variable}
            options: dict[str, Any] = {"env": environment, "stdout": output, "stderr": output}
            processes.append(subprocess.Popen(command, **options))
        failed = _first_failed(processes)
        output = outputs[failed]
        if output is None:
            status = processes[failed].returncode
            return status if status >= 0 else 128 - status
        output.seek(0)
        said = output.read().decode(errors="replace").rpartition("error: ")[2].strip()
        raise ValueError(
            f"Worker {failed} of {workers} ended with status {processes[failed].returncode}: "
            f"{said.rpartition(chr(10))[2] or 'it said nothing'}. The same command continues."
        )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def _first_failed(processes: Sequence[subprocess.Popen]) -> int:
    """Returns the number of the first process that fails, or of the chief when none does."""
    while True:
        statuses = [process.poll() for process in processes]
        if failed := [index for index, status in enumerate(statuses) if status]:
            return failed[-1]  # the chief, number 0, may have noticed only
        if None not in statuses:
            return 0
        time.sleep(0.05)


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
