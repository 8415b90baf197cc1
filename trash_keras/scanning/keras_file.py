"""The one place that opens a `.keras` file: looked at first, then loaded by Keras.

Keras' own safe mode refuses lambdas, but builds whatever else a file names, of any size. Here a
file may hold the members that Keras and this package write, name only the classes of
`keras_classes`, and describe no more weights than it holds. Pickles have no place in it.
"""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
from keras.src.backend.common import global_state

from trash_keras.metadata import ENTRY, LABELS_ENTRY, LARGEST_TEXT
from trash_keras.scanning import keras_classes, rules
from trash_keras.storage import text_files

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
# Member -> the most bytes that it may have.
MEMBERS = {
    _CONFIG: 2**26,
    "metadata.json": 2**20,
    _WEIGHTS: 2**34,
    ENTRY: LARGEST_TEXT,
    LABELS_ENTRY: LARGEST_TEXT,
}
# Weights hardly compress, and Keras stores them as they are.
_MOST_COMPRESSION, _SMALL = 10, 2**24


def load_model(path: str | os.PathLike) -> keras.Model:
    """Loads a `.keras` file, if nothing in it can harm.

    Args:
        path: The file; never a folder, which Keras would also take, nor an address.

    Returns:
        The model, not compiled.

    Raises:
        ValueError: Something in it is not allowed, or Keras cannot read it; says what.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is no file. Expected a .keras file.")
    settings, weights = _read(path)
    keras_classes.require_known(settings)
    _require_sizes(settings, weights)
    return keras.models.load_model(path, compile=False, safe_mode=True)


def _read(path: str | os.PathLike) -> tuple[dict[str, Any], int]:
    """Returns the configuration of the model, and the bytes that its weights have."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _require_members(members)
        total, size = sum(member.file_size for member in members), os.path.getsize(path)
        if total > _MOST_COMPRESSION * size + _SMALL:
            raise ValueError(f"it would unpack {size} bytes to {total} (a zip bomb)")
        with archive.open(_CONFIG) as file:
            settings = text_files.from_json(file.read())
    if not isinstance(settings, dict):
        raise ValueError(f"{_CONFIG} in it must be a JSON object")
    # What `load_model` is told not to compile is never read.
    settings["compile_config"] = None
    return settings, next(member.file_size for member in members if member.filename == _WEIGHTS)


def _require_members(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    for member in members:
        name = member.filename
        if name not in MEMBERS:
            raise ValueError(
                f'it holds "{name}". A .keras file may hold {", ".join(MEMBERS)} and nothing else'
            )
        if member.file_size > MEMBERS[name]:
            raise ValueError(
                f"{name} in it has {member.file_size} bytes, more than the {MEMBERS[name]} allowed"
            )
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"it holds {', '.join(sorted(twice))} more than once")
    if missing := {_CONFIG, _WEIGHTS}.difference(names):
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")


def _require_sizes(settings: dict[str, Any], weights: int) -> None:
    """Builds the model without its weights, and refuses one that would take too much memory."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(settings, safe_mode=True)
            described = model.count_params() if isinstance(model, keras.Model) else 0
    finally:  # Keras would make them, of whatever size, when the next such scope ends
        global_state.set_global_attribute("uninitialized_variables", [])
    if not isinstance(model, keras.Model):
        raise ValueError(f"{_CONFIG} in it describes no model")
    if described > weights:
        raise ValueError(
            f"{_CONFIG} in it describes {described} weights, and the file has {weights} bytes of "
            "them"
        )
    for name, shape in _activations(model):
        rules.require_tensor(shape, f"the output of {name}")


def _activations(model: keras.Model) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """Yields name and output shape of each operation in a model."""
    for operation in getattr(model, "operations", ()):
        for node in operation._inbound_nodes:
            for tensor in node.output_tensors:
                yield operation.name, tensor.shape
        if isinstance(operation, keras.Model):
            yield from _activations(operation)
