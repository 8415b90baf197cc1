"""How Keras and Matplotlib are imported first: whatever a user's settings for them say."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

_BACKEND = "KERAS_BACKEND"
_DEBUG_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


@contextlib.contextmanager
def keras_on_tensorflow() -> Iterator[None]:
    """Lets Keras choose TensorFlow as its backend, should it be imported in here.

    The variables of the process are as before afterwards: Keras reads them once.

    Raises:
        ValueError: Keras' own settings file is broken; the message names it.
    """
    if "keras" in sys.modules:
        yield
        return
    hidden = {name: os.environ.pop(name, None) for name in (_BACKEND, *_DEBUG_LIMITS)}
    os.environ[_BACKEND] = "tensorflow"
    try:
        yield
    except (AssertionError, AttributeError, OSError, TypeError, ValueError) as error:
        # Keras and TensorFlow's own copy of it read the file before all else: without the module,
        # that is what failed.
        if "keras" in sys.modules or not os.path.exists(keras_settings_file()):
            raise
        raise ValueError(
            f"Keras cannot use its settings file {keras_settings_file()}. Correct it or remove it. "
            f"{error}"
        ) from error
    finally:
        del os.environ[_BACKEND]
        os.environ.update({name: value for name, value in hidden.items() if value is not None})


def keras_settings_file() -> str:
    """Returns the path of Keras' settings file, whether there is one or not."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return os.path.join(os.path.expanduser(home), "keras.json")


def import_matplotlib() -> None:
    """Imports Matplotlib, also where MPLBACKEND names a backend that it does not have.

    A valid one holds for the host program's own figures, as if the host had imported Matplotlib;
    ours need none.

    Raises:
        ValueError: A settings file of Matplotlib is broken.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
    except ValueError as error:
        raise ValueError(
            "Matplotlib cannot read its settings, the file matplotlibrc of the working folder, of "
            f"the variable MATPLOTLIBRC or of the user's settings: {error}"
        ) from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
