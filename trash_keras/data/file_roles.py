"""What a file is for, by its content: so that each flag gets the kind of file that it takes.

Many files of a run end alike and would be read without an error in another's place, with results
that are wrong. Only the first bytes, names inside archives and the keys of JSON are looked at.
"""

import os
import re
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from trash_keras.data import formats
from trash_keras.metadata import ENTRY
from trash_keras.storage import local, text_files

# Role -> what it is called, and the flag that takes it.
ROLES = {
    "classifier": ("a trained classifier of this project", "--model, --init or --teacher"),
    "exported": ("an exported classifier of this project", "--model"),
    "keras": ("a Keras model that is no classifier of this project", "--backbone or --weights"),
    "tflite": ("a .tflite file that is not of this project", ""),
    "onnx": ("an .onnx file", "--model"),
    "hdf5": ("an HDF5 file", "--weights"),
    "saved_model": ("a SavedModel folder", "--model"),
    "run": ("the folder of a run", "--workdir"),
    "folder": ("a folder", ""),
    "archive": ("an archive", "--source of trash-keras prepare"),
    "image": ("an image", ""),
    "catalog": ("a catalog of splits", "--catalog"),
    "groups": ("a file of near-duplicates", "--groups"),
    "audit": ("the audit of a data set", "--audit"),
    "report": ("a report", ""),
    "config": ("the configuration of a run", ""),
    "json": ("a JSON file", ""),
    "predictions": ("a file of predictions", "--calibration_predictions"),
    "csv": ("a CSV file", "--slices"),
    "flags": ("a file of flags", "--flagfile"),
    "variants": ("a file of variants", "--variants of trash-keras ablate"),
    "text": ("a text file", ""),
    "empty": ("an empty file", ""),
    "binary": ("a file of another kind", ""),
}
MODELS = {"classifier", "exported", "onnx", "saved_model"}
# Flag -> the roles that it takes, and what they are in words.
TAKES = {
    "model": (
        MODELS,
        "a .keras, .tflite or .onnx file or a SavedModel folder written by `trash-keras train` or "
        "`trash-keras export`",
    ),
    "init": ({"classifier"}, "the model.keras of a run"),
    "teacher": ({"classifier"}, "the model.keras of a run"),
    "backbone": (
        {"keras"},
        "EfficientNetLite0, 1 or 2, a name of keras.applications or a .keras file of features",
    ),
    "weights": ({"keras", "hdf5"}, "imagenet, none or a file of weights of the backbone"),
    "catalog": ({"catalog"}, "the catalog.json of a run"),
    "groups": ({"groups", "audit", "json"}, "the JSON file of `trash-keras audit --groups`"),
    "audit": ({"audit"}, "the audit.json of `trash-keras audit --output`"),
    "label_map": ({"json"}, "a JSON file of the data's class names and the model's"),
    "slices": (
        {"csv", "predictions", "text", "empty"},
        "a CSV file with the columns file and subset",
    ),
    "apply": (
        {"csv", "text", "empty"},
        "a CSV file with the columns file,label,action,new_label,reason",
    ),
    "calibration_predictions": (
        {"predictions"},
        "predictions/seed0.csv of a cross-validation",
    ),
    "flagfile": ({"flags", "text", "empty"}, "a text file with a flag a line"),
    "variants": ({"variants", "text", "empty"}, 'a text file with lines like "name: --flag=value"'),
    "paths_file": ({"text", "empty"}, "a text file that names an image file a line"),
    "split_dir": ({"folder"}, "the folder of the official lists"),
}
# Said of HDF5 files, which may hold a whole model of Keras 2.
_CONVERT = (
    ' A whole model in it becomes a .keras file by: python -c "import keras; '
    "keras.models.load_model('{path}', compile=False).save('model.keras')\""
)
_LARGEST_JSON = 500_000_000  # bytes; the catalog of millions of images is smaller
_START = 65536  # bytes


def require(flag: str, path: str | os.PathLike) -> None:
    """Checks that a file is of the kind that a flag takes; whether it is there is not checked.

    Args:
        flag: A key of `TAKES`.
        path: File or folder on this machine.

    Raises:
        ValueError: It is something else; names the flag, what it is, and where that belongs.
    """
    if not os.path.exists(path):
        return
    role = identify(path)
    roles, words = TAKES[flag]
    if role in roles:
        return
    what, place = ROLES[role]
    if role == "run":
        place = _in_run(flag, Path(path))
    elif place:
        place = f" for {place}"
    hint = _CONVERT.format(path=path) if role == "hdf5" else ""
    raise ValueError(f"--{flag} takes {words}. Received: {path}, {what}{place}.{hint}")


def require_target(flag: str, path: str | os.PathLike, roles: Collection[str]) -> None:
    """Checks before the work that a file can be written without the loss of another kind of file.

    Args:
        flag: Name of the flag, for the message.
        path: File to write, which need not be there; empty is not checked.
        roles: Keys of `ROLES` that may be replaced.

    Raises:
        ValueError: It is a folder, or a file of another kind, or lies below a file.
    """
    if not os.fspath(path):
        return
    local.require_folder(flag, Path(path).parent)
    if os.path.isdir(path):
        raise ValueError(f"--{flag} takes a file to write. Received: {path}, a folder.")
    if os.path.exists(path) and (role := identify(path)) not in roles:
        raise ValueError(
            f"--{flag} takes a file to write, and {path} is {ROLES[role][0]} already, which would "
            "be lost. Name another file, or remove it."
        )


def _in_run(flag: str, folder: Path) -> str:
    inside = {"catalog": "catalog.json", "groups": "groups.json"}.get(flag, "model.keras")
    known = flag in ("model", "init", "teacher", "catalog", "groups")
    return f"; name {folder / inside}" if known and (folder / inside).exists() else ""


def identify(path: str | os.PathLike) -> str:
    """Returns what a file or folder is, a key of `ROLES`.

    Raises:
        ValueError: It cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        return "empty"
    names = _members(path)
    if ENTRY in names:
        return "exported" if path.suffix == ".tflite" else "classifier"
    if start[4:8] == b"TFL3":
        return "tflite"
    if start.startswith(b"PK"):
        return "keras" if {"config.json", "model.weights.h5"} <= names else "archive"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if path.suffix == ".onnx":
        return "onnx"
    if start.startswith(b"\x1f\x8b") or start[257:262] == b"ustar":
        return "archive"
    try:
        formats.identify(start)
        return "image"
    except formats.UnknownFormatError:
        return _text(path, start)


def _folder(path: Path) -> str:
    versions = [path, *(inside for inside in path.iterdir() if inside.name.isdecimal())]
    files = ("saved_model.pb", f"assets.extra/{ENTRY}")
    if any((folder / name).is_file() for folder in versions for name in files):
        return "saved_model"
    named = ("config.json", "report.json", "catalog.json", "cross_validation.json")
    return "run" if any((path / name).is_file() for name in named) else "folder"


def _members(path: Path) -> set[str]:
    try:  # the archive may follow the model, as in a .tflite file
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return set()


def _text(path: Path, start: bytes) -> str:
    encoding = text_files.encoding(path)
    if encoding.startswith("utf-16") or encoding.startswith("utf-32"):  # a text of Windows
        start = start[: len(start) // 4 * 4].decode(encoding, "replace").encode()
    if b"\0" in start:
        return "binary"
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if words[:1] in (b"{", b"["):
        return _json(path)
    first = words.split(b"\n", 1)[0].strip()
    columns = first.replace(b";", b",").replace(b"\t", b",").replace(b'"', b"").split(b",")
    if columns[:3] == [b"file", b"truth", b"prediction"]:
        return "predictions"
    if len(columns) > 1 and b"file" in columns:
        return "csv"
    if re.match(rb"[\w.-]+:\s+--", words):
        return "variants"
    return "flags" if words.startswith(b"--") else "text"


def _json(path: Path) -> str:
    if path.stat().st_size > _LARGEST_JSON:
        return "json"
    try:
        found: Any = text_files.from_json(text_files.read(path))
    except ValueError:
        return "json"  # what reads it says what is wrong with it
    if not isinstance(found, dict):
        return "json"
    if isinstance(found.get("splits"), dict) and "class_names" in found:
        return "catalog"
    if "doubtful_labels" in found:
        return "audit"
    if isinstance(found.get("groups"), list):
        return "groups"
    if isinstance(found.get("class_names"), list) or "kinds" in found:
        return "report"
    sections = {"data", "model", "training", "runtime"}
    return "config" if sections <= set(found) else "json"
