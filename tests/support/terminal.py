"""Commands on a terminal of their own."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading


def run(command, columns=100, **environment):
    """Returns what a terminal of so many columns gets, stdout and stderr, and the exit status."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    defaults = {
        key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")
    }
    started = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its,
        env=defaults | {"TERM": "xterm-256color"} | environment,
    )  # fmt: skip
    os.close(its)
    watchdog = threading.Timer(300, started.kill)
    watchdog.start()
    parts = []
    try:
        while part := os.read(ours, 1 << 16):
            parts.append(part)
    except OSError:  # the other side has closed it
        pass
    status = started.wait()
    watchdog.cancel()
    os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n"), status
