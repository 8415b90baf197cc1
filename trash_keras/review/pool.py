"""The images of a folder: which a person has named, and in which order the others come."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from trash_keras import predictor
from trash_keras.data import formats, image_inputs, image_listing
from trash_keras.data.formats import UndecodableError
from trash_keras.predictor import BATCH_SIZE, PredictBatch, Prediction, Predictor
from trash_keras.review import folders, selection
from trash_keras.review.folders import Folders


@dataclasses.dataclass(frozen=True)
class Image:
    """An image to name.

    Attributes:
        digest: SHA-256 of its bytes, hexadecimal.
        path: Of the file.
        name: The same relative to the folder of the review.
        words: What the model says of it.
    """

    digest: str
    path: Path
    name: str
    words: str


@dataclasses.dataclass(frozen=True)
class Pool:
    """The images of a review.

    Attributes:
        waiting: Those to name, first those that teach most.
        named: Those that are named, each with its copy, in the order of naming.
        unreadable: Files that are no images, with the reason.
    """

    waiting: list[Image]
    named: list[tuple[Image, Path]]
    unreadable: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Model:
    """What looks at the images.

    Attributes:
        predictor: Gives probabilities.
        features: Gives features of the same images, float32 [batch, channels]; None where the
            model file gives none.
    """

    predictor: Predictor
    features: PredictBatch | None

    @classmethod
    def load(cls, path: str) -> "Model":
        """Loads both from a model file.

        Raises:
            ImportError: The runtime of such files is not installed.
            ValueError: As `Predictor.load`.
        """
        loaded = Predictor.load(path)
        load: Callable | None = getattr(predictor.import_runtime(path), "load_features", None)
        return cls(loaded, load(path, loaded.metadata) if load else None)


def find(place: Folders, model: Model) -> Pool:
    """Finds the images of a folder; files with equal bytes are one image.

    Args:
        place: The folder.
        model: Says of each image what it may be.

    Raises:
        ValueError: There is no image at all, or none that can be read.
    """
    names, passed_over = place.images()
    copies = {folders.digest(path): path for path in place.copies()}
    if not names:
        needed = f"{formats.NAMES} files can be read"
        raise image_listing.no_images(place.root, passed_over, needed)
    unreadable: dict[str, str] = {}
    files: dict[str, str] = {}  # digest -> name
    for name in names:
        try:
            files.setdefault(folders.digest(place.root / name), name)
        except UndecodableError as error:
            unreadable[name] = str(error)
    paths = copies | {digest: place.root / name for digest, name in files.items()}
    seen, errors = _look(paths, model)
    unreadable |= {files[digest]: why for digest, why in errors.items() if digest in files}
    if not seen:
        name, why = next(iter(unreadable.items()))
        raise ValueError(f"None of the images in {place.root} can be read. {name}: {why}")
    digests = list(seen)
    found = {
        digest: Image(digest, paths[digest], files[digest], seen[digest][0].words)
        for digest in digests
        if digest in files
    }
    waiting = [
        found[digests[index]] for index in _order(list(seen.values()), [d in copies for d in seen])
    ]
    named = [(found[digest], copy) for digest, copy in copies.items() if digest in found]
    return Pool(waiting, named, unreadable)


Seen = tuple[Prediction, np.ndarray | None]


def _order(seen: Sequence[Seen], named: Sequence[bool]) -> np.ndarray:
    if not seen:
        return np.empty(0, int)
    rows = np.array([list(prediction.probabilities.values()) for prediction, _ in seen])
    features = [each for _, each in seen if each is not None]
    return selection.order(rows, np.stack(features) if features else None, np.array(named))


def _look(paths: dict[str, Path], model: Model) -> tuple[dict[str, Seen], dict[str, str]]:
    """Returns by digest what the model makes of images, and why others cannot be read."""
    metadata = model.predictor.metadata
    seen: dict[str, Seen] = {}
    errors: dict[str, str] = {}
    digests = list(paths)
    with tqdm(total=len(paths), desc="Looking at images", unit="image") as progress:
        for start in range(0, len(digests), BATCH_SIZE):
            batch = digests[start : start + BATCH_SIZE]
            opened = image_inputs.open_squares(
                [paths[digest] for digest in batch], metadata.image_size, metadata.resize
            )
            found = dict(zip(batch, opened, strict=True))
            squares = {d: one for d, one in found.items() if isinstance(one, np.ndarray)}
            errors |= {d: str(one) for d, one in found.items() if d not in squares}
            progress.update(len(batch))
            if not squares:
                continue
            images = np.stack(list(squares.values())).astype(np.float32)
            features = model.features(images) if model.features else [None] * len(images)
            rows = model.predictor.predict_batch(images)
            for digest, row, feature in zip(squares, rows, features, strict=True):
                seen[digest] = Prediction.from_row(row, metadata), feature
    return seen, errors
