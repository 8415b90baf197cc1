"""Runs an application on a port until a signal stops it."""

import logging
import signal
import socket
import sys
from typing import NoReturn

import uvicorn
from fastapi import FastAPI


def listen(host: str, port: int) -> socket.socket:
    """Takes a port, so that a taken one is an error before anything else is done.

    Args:
        host: Address or name of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def run(app: FastAPI, listening: socket.socket, patience: float) -> NoReturn:
    """Serves until SIGTERM or SIGINT, finishes what is under way, and ends the process.

    Args:
        app: The application.
        listening: From `listen`.
        patience: Seconds that requests under way may take when it stops.
    """
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False,
        timeout_graceful_shutdown=max(1, round(patience)),
    )  # fmt: skip
    # A broken upload is the client's, who is told, and no matter for the log.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # uvicorn takes these signals, and raises them again when all is done: then the end is no error.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.Server(config).run(sockets=[listening])
    sys.exit(1)  # the application could not start, and the log says why
