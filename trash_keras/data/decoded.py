"""Images that were decoded to see whether they can be: kept until they are wanted.

So the first reading of a data set decodes each image once, not twice.
"""

import threading

import numpy as np

from trash_keras.data import decoding
from trash_keras.data.formats import UndecodableError


class DecodedImages:
    """Square images by path, for one size, as far as there is room. Threads may share it.

    Args:
        image_size: Height and width of the square images, pixels.
        resize: How they are made square: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.
        megabytes: Most to keep.
    """

    def __init__(
        self, image_size: int, resize: str, max_megapixels: float, megabytes: float
    ) -> None:
        self._form = image_size, resize
        self._max_megapixels = max_megapixels
        self._room = threading.Semaphore(int(megabytes * 1e6 / (3 * image_size**2)))
        self._images: dict[str, np.ndarray] = {}

    def check(self, path: str, encoded: bytes) -> None:
        """Decodes an image, and keeps it where there is room.

        Raises:
            UndecodableError: As `decoding.decode`.
        """
        if not self._room.acquire(blocking=False):
            decoding.decode(encoded, self._max_megapixels)
            return
        try:
            self._images[path] = decoding.load(encoded, *self._form, self._max_megapixels)
        except UndecodableError:
            self._room.release()
            raise

    def take(self, path: str, image_size: int, resize: str) -> np.ndarray | None:
        """Returns an image, which is not kept any longer; None where it is not there.

        Args:
            path: Of the image.
            image_size: As wanted; another size than the one that is kept is not there.
            resize: Likewise.

        Returns:
            uint8 [image_size, image_size, 3], RGB, or None.
        """
        image = self._images.pop(path, None) if (image_size, resize) == self._form else None
        if image is not None:
            self._room.release()
        return image
