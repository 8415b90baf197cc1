"""The interface `Reader`, and the readers of class folders on disk and in object stores.

A reader lists images by path and gives their bytes; it decodes nothing. So splits, training and
evaluation are the same for every reader.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import tensorflow as tf

from trash_keras.data import image_listing
from trash_keras.data.catalog import FilesByClass, scan_all, shuffle_key
from trash_keras.data.image_listing import PassedOver
from trash_keras.data.places import addresses
from trash_keras.data.splits import Listing
from trash_keras.host import cores
from trash_keras.storage import remote
from trash_keras.storage.addresses import public_value

TFDS_PREFIX = "tfds:"


class Reader(Listing, Protocol):
    """A collection of encoded images.

    Attributes:
        by_file: Each image is a file of its own, and as fast to read alone as in a stream.
    """

    by_file: bool

    def read(self, path: str) -> bytes:
        """Returns the encoded bytes of one image.

        Raises:
            OSError: The image is not there or cannot be read.
        """

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """Streams encoded images.

        Args:
            paths: Images of this reader, in the order of `catalog.shuffle_key`.
            ordered: False allows any order that is faster.

        Returns:
            Dataset of (position in `paths` int64, encoded string), of known length.
        """

    def passed_over(self) -> PassedOver:
        """Returns what is there and is not listed: reason -> paths."""

    def locations(self, paths: Sequence[str]) -> list[str]:
        """Returns facts that change when an image does, one text for each path."""


def open_reader(data_dir: str | os.PathLike, data_format: str = "folder") -> Reader:
    """Opens the data that a user names.

    Args:
        data_dir: A folder of class folders (also gs://, s3:// and all that fsspec knows), of
            shards, or `tfds:NAME`; or several, see `places.addresses`.
        data_format: folder, tfrecord or array_record; ignored for tfds.

    Raises:
        ValueError: There is nothing of that format at `data_dir`.
    """
    sources = addresses(data_dir)
    if len(sources) > 1:
        from trash_keras.data.readers.joined import JoinedReader

        return JoinedReader(
            {name: open_reader(address, data_format) for name, address in sources.items()}
        )
    if str(data_dir).startswith(TFDS_PREFIX):
        from trash_keras.data.readers.tfds import TfdsReader

        return TfdsReader(str(data_dir))
    if data_format == "folder":
        return RemoteReader(str(data_dir)) if remote.is_url(data_dir) else FolderReader(data_dir)
    from trash_keras.data.readers.shards import ShardReader

    return ShardReader(data_dir, data_format)


class FolderReader:
    """Class folders of image files.

    Args:
        root: Folder with one sub-folder per class.
    """

    by_file = True

    def __init__(self, root: str | os.PathLike) -> None:
        self._root = str(root)

    def files_by_class(self) -> FilesByClass:
        """See `Reader`; `image_listing` says what counts as an image."""
        return self._found[0]

    def passed_over(self) -> PassedOver:
        """See `Reader`."""
        return self._found[1]

    @functools.cached_property
    def _found(self) -> tuple[FilesByClass, PassedOver]:
        return scan_all(self._root)

    def predefined_splits(self) -> None:
        """Returns None: a folder brings no splits."""

    def read(self, path: str) -> bytes:
        """See `Reader`."""
        return Path(self._root, path).read_bytes()

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """See `Reader`; files are read in parallel, one that cannot be read comes as no bytes."""
        return _file_by_file(self, paths)

    def locations(self, paths: Sequence[str]) -> list[str]:
        """See `Reader`: name, size and modification time of each file."""
        names = [os.path.join(self._root, path) for path in paths]
        facts = [os.stat(name) for name in names]
        return [
            f"{name}:{fact.st_size}:{fact.st_mtime_ns}"
            for name, fact in zip(names, facts, strict=True)
        ]


class RemoteReader:
    """Class folders of image files in an object store.

    Args:
        address: Of the folder with one sub-folder per class, e.g. gs://BUCKET/FOLDER.
    """

    by_file = True

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def files_by_class(self) -> FilesByClass:
        """See `Reader`.

        Raises:
            ValueError: There are no images in class folders.
            OSError: The object store does not respond.
        """
        return self._found[0]

    def passed_over(self) -> PassedOver:
        """See `Reader`."""
        return self._found[1]

    @functools.cached_property
    def _found(self) -> tuple[FilesByClass, PassedOver]:
        files, passed = image_listing.by_class(image_listing.list_remote(self._address)[1])
        if not files:
            raise image_listing.no_images(self._address, passed)
        return files, passed

    def predefined_splits(self) -> None:
        """Returns None: a folder brings no splits."""

    def read(self, path: str) -> bytes:
        """See `Reader`."""
        return remote.read_bytes(remote.join(self._address, path))

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """See `Reader`; files are read in parallel, one that cannot be read comes as no bytes."""
        return _file_by_file(self, paths)

    def locations(self, paths: Sequence[str]) -> list[str]:
        """See `Reader`: the addresses; objects in a store are assumed never to change."""
        return [remote.join(public_value(self._address), path) for path in paths]


def _file_by_file(reader: Reader, paths: Sequence[str]) -> tf.data.Dataset:
    def read(position: int) -> bytes:
        try:
            return reader.read(paths[position])
        except OSError:
            return b""

    def load(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        encoded = tf.numpy_function(read, [position], tf.string, stateful=False)
        return position, tf.ensure_shape(encoded, ())

    # Positions, not names: TensorFlow takes no name that is not UTF-8.
    return tf.data.Dataset.range(len(paths)).map(load, num_parallel_calls=tf.data.AUTOTUNE)


def to_read(reader: Reader, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
    """Streams images for a function that reads the files itself, in the call that decodes them.

    Args:
        reader: Where they are.
        paths: As for `Reader.encoded`.
        ordered: As for `Reader.encoded`.

    Returns:
        As `Reader.encoded`, but where images are files of their own no bytes: they are to be read.
    """
    if not reader.by_file:
        return reader.encoded(paths, ordered)
    return tf.data.Dataset.range(len(paths)).map(lambda position: (position, ""))


def calls_at_once() -> int:
    """Returns how many images a dataset is to decode at once: enough to keep all cores at work.

    With `AUTOTUNE` a single core was idle for a third of the time.
    """
    return 2 * cores.available()


def read_images(reader: Reader, paths: Sequence[str]) -> dict[str, bytes]:
    """Returns path -> encoded bytes of some images, in one pass over the data."""
    ordered = sorted(paths, key=shuffle_key)
    found = reader.encoded(ordered, ordered=False).as_numpy_iterator() if ordered else ()
    return {ordered[position]: encoded for position, encoded in found}
