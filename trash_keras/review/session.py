"""One person's way through the images of a folder."""

import threading
from collections.abc import Sequence
from typing import Any

from trash_keras.data.class_names import ClassNameError
from trash_keras.review import folders
from trash_keras.review.folders import Folders
from trash_keras.review.pool import Image, Pool
from trash_keras.storage.names import printable


class Session:
    """What is left to name, what was said last, and the next image. Safe to use from threads.

    Each answer is a file when its method returns, see `folders`.
    """

    def __init__(self, place: Folders, pool: Pool, class_names: Sequence[str]) -> None:
        """Starts where the folder stands.

        Args:
            place: The folder.
            pool: Its images.
            class_names: Those that the model knows; those that have folders come on top.
        """
        self._place, self._lock = place, threading.Lock()
        self._waiting = {image.digest: image for image in pool.waiting}
        self._named = list(pool.named)
        self._skipped: dict[str, Image] = {}
        self._classes = list(class_names)
        for name in place.class_names():
            if name not in self._classes:
                self._classes.append(name)

    def state(self) -> dict[str, Any]:
        """Returns all that the page shows, as plain values."""
        with self._lock:
            return self._state()

    def image(self, digest: str) -> Image | None:
        """Returns an image that waits or was skipped, by its digest."""
        with self._lock:
            return self._waiting.get(digest) or self._skipped.get(digest)

    def answer(self, digest: str, class_name: str | None) -> dict[str, Any]:
        """Names an image; returns the state.

        Args:
            digest: Of the image.
            class_name: A class, which may be new; None for an image of none of them.

        Raises:
            ClassNameError: A new class may not be called so.
            ValueError: The image is named already, gone or another one by now.
            OSError: The copy cannot be written.
        """
        with self._lock:
            image = self._require(digest)
            if class_name is not None:
                class_name = folders.require_class_name(class_name, self._classes)
            try:
                copy = self._place.put(image.path, digest, class_name)
            except ClassNameError:
                raise
            except ValueError as error:  # also of an image that is gone
                self._drop(image)
                raise ValueError(f"{printable(image.name)} {error}. It is passed over.") from error
            if class_name is not None and class_name not in self._classes:
                self._classes.append(class_name)
            self._drop(image)
            self._named.append((image, copy))
            return self._state()

    def skip(self, digest: str) -> dict[str, Any]:
        """Puts an image aside until the next start or `again`; returns the state.

        Raises:
            ValueError: The image is named already, or gone.
        """
        with self._lock:
            image = self._require(digest)
            self._drop(image)
            self._skipped[digest] = image
            return self._state()

    def again(self) -> dict[str, Any]:
        """Brings back the images that were skipped; returns the state."""
        with self._lock:
            self._waiting |= self._skipped
            self._skipped = {}
            return self._state()

    def undo(self) -> dict[str, Any]:
        """Takes the last answer back, also that of an earlier start; returns the state.

        Raises:
            ValueError: There is none.
        """
        with self._lock:
            if not self._named:
                raise ValueError("There is nothing to undo")
            image, copy = self._named.pop()
            self._place.take_back(copy)
            self._waiting = {image.digest: image} | self._waiting
            return self._state()

    def drop(self, digest: str) -> None:
        """Passes over an image that cannot be shown any more."""
        with self._lock:
            self._waiting.pop(digest, None)
            self._skipped.pop(digest, None)

    def _require(self, digest: str) -> Image:
        image = self._waiting.get(digest) or self._skipped.get(digest)
        if image is None:
            raise ValueError("This image has been named already, or is gone")
        return image

    def _drop(self, image: Image) -> None:
        self._waiting.pop(image.digest, None)
        self._skipped.pop(image.digest, None)

    def _state(self) -> dict[str, Any]:
        given = [self._place.class_of(copy) for _, copy in self._named]
        coming = list(self._waiting.values())[:2]
        last = self._named[-1] if self._named else None
        return {
            "classes": [{"name": name, "images": given.count(name)} for name in self._classes],
            "none": given.count(None),
            "named": len(given),
            "skipped": len(self._skipped),
            "total": len(given) + len(self._skipped) + len(self._waiting),
            "images": [
                {"id": each.digest, "file": printable(each.name), "words": each.words}
                for each in coming
            ],
            "last": last and {
                "file": printable(last[0].name), "class": self._place.class_of(last[1])
            },
        }  # fmt: skip
