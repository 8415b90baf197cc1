"""Copies of the images that a model is unsure of, for a person to name (active learning)."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from trash_keras.data import decoding, formats, image_listing
from trash_keras.data.formats import UndecodableError
from trash_keras.metadata import UNSURE
from trash_keras.predictor import Prediction
from trash_keras.storage import local, remote, text_files

RECORD = "unsure.json"
_LONGEST = 150  # bytes of a name, so that digest and suffix fit into the 255 of file systems


@dataclasses.dataclass
class Counts:
    """How many images were copied, and how many of those to copy were in the folder already."""

    saved: int = 0
    already: int = 0


def copy_name(path: str, encoded: bytes) -> str:
    """Returns the name of a copy, which no other image's copy has: stem, digest and suffix.

    Args:
        path: Path or address of the image; characters that are trouble in names become `_`.
        encoded: Its bytes, of a known format; the same bytes under a name from here keep it.

    Raises:
        UndecodableError: They are no image.
    """
    stem, suffix = os.path.splitext(path.replace("\\", "/").rsplit("/", 1)[-1])
    if formats.SUFFIXES.get(suffix.lower()) is None:
        stem, kind = stem + suffix, formats.identify(encoded)
        suffix = next(known for known, of in formats.SUFFIXES.items() if of == kind)
    digest = hashlib.sha256(encoded).hexdigest()[:12]
    stem = re.sub(r"[^\w. -]", "_", stem).strip(" .").removesuffix(f"-{digest}") or "image"
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    return f"{stem}-{digest}{suffix.lower()}"


def collect(
    predictions: Iterable[Prediction], folder: str | os.PathLike, model: str, counts: Counts
) -> Iterator[Prediction]:
    """Yields predictions as they are, and copies each image whose label is `unsure`.

    An image that lies in the folder or below already, byte for byte, is not copied again. Copies
    are written whole or not at all. `unsure.json` in the folder says of each copy where it comes
    from and what the model said; it is written at the end, also of work that was cut short.

    Args:
        predictions: Of files, on this machine or in object stores.
        folder: For the copies; made where it is not there.
        model: File of the model, for the record; empty for the one in the package.
        counts: Is counted up.

    Yields:
        The predictions; one whose file can no longer be read has an `error`.

    Raises:
        OSError: A copy cannot be written.
        ValueError: `unsure.json` is something else.
    """
    folder = Path(folder)
    rows = read_record(folder)["images"]
    by_size = _by_size(folder)
    try:
        for prediction in predictions:
            if prediction.label == UNSURE:
                try:
                    name = _copy(prediction.file, folder, by_size, counts)
                    rows[name] = prediction.to_dict()
                except UndecodableError as error:
                    prediction = dataclasses.replace(prediction, error=f"not copied: {error}")
            yield prediction
    finally:
        if rows:
            record = {"model": model and os.path.abspath(model), "images": rows}
            local.write_json(folder / RECORD, record)


def read_record(folder: Path) -> dict[str, Any]:
    """Returns `unsure.json`: `model`, empty for the packaged one, and `images`, name -> row.

    Raises:
        ValueError: The file is something else.
    """
    path = folder / RECORD
    if not path.exists():
        return {"model": "", "images": {}}
    try:
        found = text_files.from_json(text_files.read(path))
        return {"model": str(found["model"]), "images": dict(found["images"])}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no record of `trash-keras predict --save_unsure`. Remove it, or name "
            "another folder."
        ) from error


def _by_size(folder: Path) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    if folder.is_dir():
        for name in image_listing.list_folder(folder).images:
            path = folder / name
            found.setdefault(path.stat().st_size, []).append(path)
    return found


def _copy(file: str, folder: Path, by_size: dict[int, list[Path]], counts: Counts) -> str:
    """Copies an image that is not there yet; returns the name of the copy, relative."""
    encoded = remote.read_bytes(file) if remote.is_url(file) else decoding.read_bytes(file)
    same_size = by_size.setdefault(len(encoded), [])
    for path in same_size:
        if path.exists() and path.read_bytes() == encoded:
            counts.already += 1
            return path.relative_to(folder).as_posix()
    path = folder / copy_name(file, encoded)
    with local.atomic_write(path) as temporary:
        temporary.write_bytes(encoded)
    same_size.append(path)
    counts.saved += 1
    return path.name
