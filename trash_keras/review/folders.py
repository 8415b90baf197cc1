"""What a person said of images, as folders: a copy of each lies in that of its class.

    DIR/photo.jpg            an image; stays as it is
    DIR/named/metal/         copies of images of metal: class folders, for training
    DIR/none_of_these/       copies of images of no class: outliers

There is no other record: an image is named if a copy of it lies in one of these folders. So a
kill between two steps loses nothing, and what a person does there by hand counts.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from trash_keras.data import class_names, decoding, image_listing, split_folders
from trash_keras.data.class_names import ClassNameError
from trash_keras.review.collect import copy_name
from trash_keras.storage import local

NAMED, OTHER = "named", "none_of_these"
_LOCK = ".review.lock"
_LONGEST = 80  # characters of a class name


def digest(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, hexadecimal, by which an image is known.

    Raises:
        UndecodableError: The file cannot be read.
    """
    return hashlib.sha256(decoding.read_bytes(path)).hexdigest()


class Folders:
    """The folder of a review and those in it.

    Attributes:
        root: The folder with the images.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        """Takes the folder.

        Raises:
            ValueError: It is not there.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            raise ValueError(
                f"There is no folder {root}. trash-keras predict --save_unsure={root} makes one; "
                "any other folder of images will do."
            )

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other reviews of the same folder out of the block.

        Raises:
            ValueError: Another process is at it.
        """
        import filelock  # of the extras `runtime` and `train`

        lock = filelock.FileLock(self.root / _LOCK)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ValueError(
                f"{self.root} is reviewed by another process. Use its page, or stop it first."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def images(self) -> tuple[list[str], image_listing.PassedOver]:
        """Lists the images to name, relative to the root, and what is passed over."""
        found = image_listing.list_folder(self.root)
        results = (f"{NAMED}/", f"{OTHER}/")
        return [name for name in found.images if not name.startswith(results)], found.passed_over

    def copies(self) -> list[Path]:
        """Lists the copies in the folders of classes and of no class, the oldest first."""
        found = [
            folder / name
            for folder in (self.root / NAMED, self.root / OTHER)
            if folder.is_dir()
            for name in image_listing.list_folder(folder).images
        ]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def class_of(self, copy: Path) -> str | None:
        """Returns the class whose folder a copy lies in; None for those of no class."""
        inside = copy.relative_to(self.root).parts
        return inside[1] if inside[0] == NAMED and len(inside) > 2 else None

    def class_names(self) -> list[str]:
        """Lists the classes that have folders."""
        return list(dict.fromkeys(filter(None, map(self.class_of, self.copies()))))

    def put(self, image: Path, known_digest: str, class_name: str | None) -> Path:
        """Copies an image into the folder of a class, or of none; returns the copy.

        Raises:
            UndecodableError: The file is gone.
            ValueError: It is another image by now, or the class cannot be a folder.
            OSError: The copy cannot be written.
        """
        if class_name and (
            image_listing.is_hidden(class_name) or Path(class_name).name != class_name
        ):
            raise ClassNameError(f"No folder can be called {class_name}")  # a class of the model
        encoded = decoding.read_bytes(image)
        if hashlib.sha256(encoded).hexdigest() != known_digest:
            raise ValueError("has changed since the review began")
        folder = self.root / OTHER if class_name is None else self.root / NAMED / class_name
        copy = folder / copy_name(image.name, encoded)
        with local.atomic_write(copy) as temporary:
            temporary.write_bytes(encoded)
        return copy

    def take_back(self, copy: Path) -> None:
        """Removes a copy, and the folder of its class if that is empty then."""
        copy.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are others in it
            copy.parent.rmdir()


def require_class_name(name: str, known: Sequence[str]) -> str:
    """Checks the name of a new class, which becomes a folder.

    Args:
        name: As a person typed it.
        known: The classes that there are.

    Returns:
        The name with composed letters, or that of `known` that differs by case alone.

    Raises:
        ClassNameError: No class, or no folder of data, may have this name.
    """
    name = class_names.composed(name.strip())
    for other in known:
        if other.lower() == name.lower():
            return other
    class_names.of_folders([name])
    class_names.refuse_reserved([name])
    if any(letter in name for letter in '\\:*?"<>|') or name.endswith("."):
        raise ClassNameError(
            f'A class name becomes a folder, so it takes none of \\ : * ? " < > | and no dot at '
            f'its end. Received: "{name}".'
        )
    if image_listing.is_hidden(name):
        raise ClassNameError(f'Folders like "{name}" are passed over. Take another name.')
    if split_folders.split_of(name):
        raise ClassNameError(
            f'A folder "{name}" would be taken for a split of the data. Take another name.'
        )
    if len(name) > _LONGEST or len(name.encode()) > 2 * _LONGEST:
        raise ClassNameError(f"A class name has at most {_LONGEST} characters.")
    return name
