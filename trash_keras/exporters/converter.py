"""SavedModel -> float32 TFLite by TensorFlow's own converter, in a process of its own.

TensorFlow has announced that `tf.lite` will go: nothing else in this package names it. The process
is one since each conversion leaks some 20 MB in C++. It costs an import of TensorFlow, about two
seconds of one core, so an export converts once and quantizes what it got.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time

from tqdm import tqdm

_NOT_NEEDED = ("keras", "jax")  # TensorFlow imports them where they are, for half of its time
_REASON = re.compile(r"error: (.+?)(?:\n|$)")
_POLL_SECONDS = 0.5


def convert(saved_model: str | os.PathLike) -> bytes:
    """Converts a SavedModel whose one signature takes and returns fixed shapes.

    The process ends with this one, whatever ends that.

    Args:
        saved_model: Folder with the SavedModel itself.

    Returns:
        The content of a `.tflite` file of LiteRT's own operators, float32.

    Raises:
        ValueError: The converter refuses the model, or its process was killed.
    """
    command = [sys.executable, "-m", __name__, os.fspath(saved_model), str(os.getpid())]
    with tqdm(total=1, desc="Converting to TFLite", unit="model") as bar:
        # Not among the processes of the terminal, whose Ctrl-C is for this one.
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True
        )
        if done.returncode:
            raise ValueError(f"The model cannot be converted to TFLite: {_reason(done)}")
        bar.update()
    return done.stdout


def _reason(done: subprocess.CompletedProcess) -> str:
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"the process that converts was ended by {name}, as it is when memory runs out"
    said = done.stderr.decode(errors="replace").strip()
    if found := _REASON.search(said):
        return found.group(1)
    return said.rpartition("\n")[2] or f"it ended with status {done.returncode}"


def _main(saved_model: str, parent: int) -> None:
    """Writes the converted model to the standard output."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what TensorFlow prints must not be in the model
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.modules.update(dict.fromkeys(_NOT_NEEDED))  # type: ignore[arg-type]
    import tensorflow as tf

    try:
        content = tf.lite.TFLiteConverter.from_saved_model(saved_model).convert()
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    with output:
        output.write(content)


def _end_with(parent: int) -> None:
    """Ends this process when the one that waits for it is gone."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
