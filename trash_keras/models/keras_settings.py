"""What Keras' global settings are while this package works; afterwards they are as before.

`~/.keras/keras.json`, variables and a host program's own calls change them. Layers take the data
format and the precision of the moment in which they are built, and batches are converted to Keras'
float type.
"""

import contextlib
import os
import threading
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from trash_keras.host import imports

EPSILON = 1e-7
# Variables by which TensorFlow and oneDNN compute in fewer bits than the layers say.
_LESS_PRECISE = (
    "TF_ENABLE_AUTO_MIXED_PRECISION",
    "TF_ENABLE_AUTO_MIXED_PRECISION_GRAPH_REWRITE",
    "TF_SET_ONEDNN_FPMATH_MODE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
)
_NEUTRAL = ("", "0", "false", "strict")
_CONFIG = keras.config
# Getter and setter of each setting, and the value that this package depends on.
_SETTINGS = (
    (_CONFIG.image_data_format, _CONFIG.set_image_data_format, "channels_last"),
    (_CONFIG.floatx, _CONFIG.set_floatx, "float32"),
    (_CONFIG.epsilon, _CONFIG.set_epsilon, EPSILON),
    (_CONFIG.max_epochs, _CONFIG.set_max_epochs, None),
    (_CONFIG.max_steps_per_epoch, _CONFIG.set_max_steps_per_epoch, None),
)
_lock = threading.Lock()
_inside: list[list] = []  # the host's settings, once for each call under way
_thread = threading.local()


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Sets Keras and NumPy's error handling for what is in it; also a decorator of functions.

    Calls may be nested, and come from several threads. The dtype policy, which is a thread's own,
    starts as float32 and may be changed inside.

    Raises:
        ValueError: Keras runs on another backend in this process, TensorFlow runs without eager
            execution, or a variable makes it compute in fewer bits.
    """
    if getattr(_thread, "inside", False):
        yield
        return
    _require_tensorflow()
    policy = keras.config.dtype_policy()
    _enter()
    _thread.inside = True
    try:
        keras.config.set_dtype_policy("float32")
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            yield
    finally:
        _thread.inside = False
        keras.config.set_dtype_policy(policy)
        _leave()


def _enter() -> None:
    with _lock:
        _inside.append([get() for get, _, _ in _SETTINGS] if not _inside else _inside[0])
        for _, change, value in _SETTINGS:
            change(value)


def _leave() -> None:
    with _lock:
        before = _inside.pop()
        if not _inside:
            for (_, change, _), value in zip(_SETTINGS, before, strict=True):
                change(value)


def _require_tensorflow() -> None:
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            f"Keras runs on {keras.config.backend()} in this process, and this package on "
            "TensorFlow. Set KERAS_BACKEND=tensorflow before Keras is imported, or "
            f'"backend": "tensorflow" in {imports.keras_settings_file()}.'
        )
    if not tf.executing_eagerly():
        raise ValueError(
            "TensorFlow's eager execution is off in this process. Leave out "
            "tf.compat.v1.disable_eager_execution() and disable_v2_behavior()."
        )
    for name in _LESS_PRECISE:
        if os.environ.get(name, "").lower() not in _NEUTRAL:
            raise ValueError(
                f"The variable {name}={os.environ[name]} changes what TensorFlow computes. Remove "
                "it; --mixed_precision chooses the precision of training."
            )
