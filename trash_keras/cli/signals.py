"""How a verb ends when it is told to: Ctrl-C, SIGTERM (a spot VM or a pod that goes) and SIGHUP.

All that a verb keeps is written whole or not at all, so it may end at any moment. A signal raises
an exception in the main thread, and files that are half-written are removed. Where Python drops
the exception (a finalizer, a callback of the garbage collector), the signal comes again. A library
may be busy for long, or drop it, so a thread ends the process after a while, or at the second
signal.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

HANDLED = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
]
REPEAT_SECONDS = 0.05
SECONDS = 15.0  # TPUs and spot VMs give 30 after the first signal, and some clouds 20


class StoppedError(KeyboardInterrupt):
    """The process was told to end; libraries treat it like Ctrl-C.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stop:
    """What the signals of a process have asked for so far.

    Attributes:
        number: The first signal; 0 before any.
        repeats: How often the first signal was sent again, so far without an end.
    """

    def __init__(self) -> None:
        self.number = 0
        self.repeats = 0
        self._raised = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal; its first one ends what the main thread does."""
        if not self._raised:
            self._raised = True
            self.number = self.number or number
            raise StoppedError(self.number)

    @contextlib.contextmanager
    def repeated(self) -> Iterator[None]:
        """Sends the signal again where Python could not raise its exception, while it runs."""
        before = sys.unraisablehook

        def hook(unraisable: "sys.UnraisableHookArgs") -> None:
            if not isinstance(unraisable.exc_value, StoppedError):
                before(unraisable)
                return
            self._raised = False
            self.repeats += 1
            # Not now: the exception would be raised in this function, and be dropped again.
            again = (threading.main_thread().ident, self.number)
            threading.Timer(REPEAT_SECONDS, signal.pthread_kill, again).start()

        sys.unraisablehook = hook
        try:
            yield
        finally:
            sys.unraisablehook = before


@contextlib.contextmanager
def handled(message: str) -> Iterator[Stop]:
    """Handles the signals while the block runs; a host program's own handlers stay.

    Args:
        message: What is said when the process ends before its main thread does.

    Yields:
        Which signal came.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():  # the host's, which handles them
        yield stop
        return
    defaults = (signal.SIG_DFL, signal.default_int_handler)  # not where `nohup` ignores one
    before = {
        number: signal.getsignal(number)
        for number in HANDLED
        if signal.getsignal(number) in defaults
    }
    with contextlib.ExitStack() as stack:
        for number, handler in before.items():
            signal.signal(number, stop.handle)
            stack.callback(signal.signal, number, handler)
        if hasattr(signal, "pthread_kill"):  # not on Windows
            stack.enter_context(stop.repeated())
        if not hasattr(sys, "ps1"):  # a notebook goes on, whatever becomes of the verb
            stack.enter_context(_watched(stop, message))
        yield stop


@contextlib.contextmanager
def _watched(stop: Stop, message: str) -> Iterator[None]:
    """Ends the process a while after a signal, or at the second one."""
    # Python writes each signal there at once, also while its main thread computes in C++.
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    error_output = os.dup(2)  # which is held back while TensorFlow is imported
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(
        target=_watch, args=(reading, stop, message, error_output), daemon=True, name="signals"
    )
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writing.close()  # which ends the thread
        thread.join()
        reading.close()
        os.close(error_output)


def _watch(reading: socket.socket, stop: Stop, message: str, error_output: int) -> None:
    first = 0
    while True:
        ready = select.select([reading], [], [], SECONDS if first else None)[0]
        received = reading.recv(1) if ready else b""
        if ready and not received:  # the verb has ended
            return
        number = received[0] if received else first
        # A server may have handlers of its own by now.
        if received and signal.getsignal(number) != stop.handle:
            continue
        if received and stop.repeats:
            stop.repeats -= 1
            continue
        if first:
            os.write(error_output, f"error: {message}\n".encode())
            os._exit(128 + first)
        first = number
