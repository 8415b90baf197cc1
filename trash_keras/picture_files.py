"""Pictures by name, wherever they lie: listing them, and classifying any number of them."""

import dataclasses
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trash_keras import prediction, storage
from trash_keras.data import decoding
from trash_keras.data.catalog import EXTENSIONS


def listed(paths: Sequence[str], paths_file: str = "") -> Iterator[str]:
    """Yields the picture files that a user names.

    Args:
        paths: Files and folders, paths or addresses; the names in a folder stand in memory,
            some 200 bytes each.
        paths_file: Text file with a picture file a line, read line by line; or empty.

    Raises:
        OSError: A folder or `paths_file` cannot be read.
    """
    for path in paths:
        if storage.is_url(path):
            found = storage.find(path)
            yield from (name for name in found if name == path or name.lower().endswith(EXTENSIONS))
        else:
            yield from prediction.expand([path])
    if paths_file:
        with open(paths_file, encoding="utf-8", errors="surrogateescape") as file:
            yield from (line.rstrip("\r\n") for line in file if line.strip())


def require_outside(folder: str, paths: Sequence[str]) -> None:
    """Checks that what is drawn into a folder will not be taken for pictures to classify.

    Args:
        folder: For drawings.
        paths: Files and folders whose pictures are classified.

    Raises:
        ValueError: `folder` lies in one of `paths`, or not on this machine.
    """
    if storage.is_url(folder):
        raise ValueError(f"--explain takes a folder on this machine. Received: {folder}")
    for path in paths:
        if not storage.is_url(path) and Path(folder).resolve().is_relative_to(Path(path).resolve()):
            raise ValueError(
                f"--explain={folder} lies in {path}, so its drawings would be classified with the "
                "pictures there. Give a folder outside."
            )


def classify(
    predictor: prediction.Predictor,
    paths: Iterable[str],
    batch_size: int,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> Iterator[prediction.Answer]:
    """`prediction.classify` for any number of files, which may lie in object stores.

    Args:
        predictor: From `Predictor.load`.
        paths: Picture files, paths or addresses; consumed a batch at a time.
        batch_size: Pictures per step.
        max_megapixels: Most pixels to decode, millions; larger files get an error.

    Yields:
        An answer for each path, in the same order.

    Raises:
        OSError: An object store does not answer.
    """
    rest = iter(paths)
    while batch := list(itertools.islice(rest, batch_size)):
        addresses = [path for path in batch if storage.is_url(path)]
        with tempfile.TemporaryDirectory() as room:
            local = {
                path: os.path.join(room, f"{index}{os.path.splitext(path)[1]}")
                for index, path in enumerate(addresses)
            }
            with ThreadPoolExecutor(max(len(local), 1)) as pool:
                failures = dict(zip(local, pool.map(_fetch, local, local.values()), strict=True))
            here = [local.get(path, path) for path in batch]
            answers = prediction.classify(predictor, here, batch_size, max_megapixels)
            for path, answer in zip(batch, answers, strict=True):
                error = failures.get(path) or answer.error
                yield dataclasses.replace(answer, file=path, error=error)


def _fetch(address: str, target: str) -> str:
    """Copies a file here; returns why there is no such file to have, or nothing."""
    try:
        store, source = storage.open_store(address)
        store.get_file(source, target)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    except (ImportError, OSError):
        raise
    except Exception as error:  # each client has its own; a store that is away is no bad picture
        raise OSError(f"{address} cannot be fetched: {error}") from error
    return ""
