"""The reader of shards; `shard_writer.py` says how they are written."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trash_keras.data import class_names
from trash_keras.data.catalog import FilesByClass
from trash_keras.data.readers.shard_writer import INDEX, require_format
from trash_keras.storage import text_files
from trash_keras.storage.names import require_utf8


def by_class(paths: Iterable[str]) -> FilesByClass:
    """Returns class name -> sorted paths; the class is the first folder of a path."""
    files: dict[str, list[str]] = {}
    for path in sorted(paths):
        files.setdefault(path.split("/")[0], []).append(path)
    named = class_names.of_folders(files)
    return {named[folder]: tuple(files[folder]) for folder in sorted(named, key=named.__getitem__)}


class ShardReader:
    """A folder of shards.

    Args:
        root: The folder, on disk or, for tfrecord, at any address that TensorFlow reads (gs://).
        data_format: tfrecord or array_record.

    Raises:
        ValueError: No shards of that format, or a shard is missing or cut short.
    """

    by_file = False

    def __init__(self, root: str | os.PathLike, data_format: str) -> None:
        require_format(data_format)
        require_utf8(root)
        self._root = str(root)
        index = self._read_index()
        if index["format"] != data_format:
            raise ValueError(
                f"{root} holds {index['format']} shards. Use --data_format={index['format']}."
            )
        self._format = data_format
        self._paths: list[str] = index["paths"]
        self._index = {path: position for position, path in enumerate(self._paths)}
        self._shards = [os.path.join(self._root, shard["file"]) for shard in index["shards"]]
        self._checksums = [shard["sha256"] for shard in index["shards"]]
        for name, shard in zip(self._shards, index["shards"], strict=True):
            found = tf.io.gfile.stat(name).length if tf.io.gfile.exists(name) else 0
            if found != shard["bytes"]:
                raise ValueError(
                    f"The shard {name} has {found} bytes instead of {shard['bytes']}. "
                    "Copy or prepare it again."
                )

    def _read_index(self) -> dict[str, Any]:
        path = os.path.join(self._root, INDEX)
        try:
            with tf.io.gfile.GFile(path) as file:
                return text_files.from_json(file.read())
        except (tf.errors.OpError, ValueError) as error:
            raise ValueError(
                f"There are no finished shards in {self._root}: {path} cannot be read. Write them "
                "with: trash-keras prepare --source=... --shards=N"
            ) from error

    def files_by_class(self) -> FilesByClass:
        """See `Reader`."""
        return by_class(self._paths)

    def predefined_splits(self) -> None:
        """Returns None: shards bring no splits."""

    def passed_over(self) -> dict[str, list[str]]:
        """Returns nothing: what was passed over was told when the shards were written."""
        return {}

    def read(self, path: str) -> bytes:
        """See `Reader`. A TFRecord shard is read from its beginning."""
        if path not in self._index:
            raise FileNotFoundError(f"{self._root} holds no {path}.")
        ((_, encoded),) = self.encoded([path]).as_numpy_iterator()
        return encoded

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """See `Reader`.

        TFRecord shards are read side by side, all but those that hold none of the images, and
        other images are dropped before they are decoded; array records are read image by
        image.
        """
        wanted = np.array([self._index[path] for path in paths], np.int64)
        if self._format == "array_record":
            records = self._image_by_image(wanted)
        else:
            records = self._side_by_side(wanted, ordered)
        return records.apply(tf.data.experimental.assert_cardinality(len(paths)))

    def _side_by_side(self, wanted: np.ndarray, ordered: bool) -> tf.data.Dataset:
        position = np.full(len(self._paths), -1, np.int64)
        position[wanted] = np.arange(len(wanted))
        used = sorted({int(index) % len(self._shards) for index in wanted})
        shards = tf.data.Dataset.from_tensor_slices([self._shards[shard] for shard in used])
        records = shards.interleave(
            tf.data.TFRecordDataset,
            cycle_length=len(used),
            block_length=1,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=ordered,
        )
        table = tf.constant(position)
        numbered = records.map(_parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=ordered)
        return numbered.map(lambda index, encoded: (table[index], encoded)).filter(
            lambda position, encoded: position >= 0
        )

    def _image_by_image(self, wanted: np.ndarray) -> tf.data.Dataset:
        from array_record.python.array_record_module import ArrayRecordReader

        readers = [ArrayRecordReader(shard) for shard in self._shards]

        def fetch(index: np.ndarray) -> bytes:
            (record,) = readers[index % len(readers)].read([int(index) // len(readers)])
            return record

        def load(position: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            record = tf.ensure_shape(tf.numpy_function(fetch, [index], tf.string), ())
            return position, _parse(record)[1]

        indices = tf.data.Dataset.from_tensor_slices(wanted).enumerate()
        return indices.map(load, num_parallel_calls=tf.data.AUTOTUNE)

    def locations(self, paths: Sequence[str]) -> list[str]:
        """See `Reader`: the checksum of the shard that holds the image, and its path."""
        shards = len(self._checksums)
        return [f"{self._checksums[self._index[path] % shards]}:{path}" for path in paths]


def _parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = {
        "index": tf.io.FixedLenFeature((), tf.int64),
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
    }
    example = tf.io.parse_single_example(record, features)
    return example["index"], example["image/encoded"]
