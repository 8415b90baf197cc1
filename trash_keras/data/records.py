"""Sharded records: many pictures in few files, for disks and networks that are slow with many.

All pictures are put in one order, that of `catalog.mixing_key`, and dealt out to the shards like
cards: picture i lies in shard i % shards. Reading one record of each shard in turn gives that
order again, which is the order of every split of a catalog. So training from shards sees what
training from the folder sees, while many shards are read at once.

A folder of shards holds `index.json` (format, shards with their sizes, the path of every picture),
`SHA256SUMS` (for `sha256sum --check`) and the shards. Each record is a `tf.train.Example` with
`image/encoded`, `image/filename`, `image/class/text` and `index`.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras import storage
from trash_keras.data.catalog import Members, mixing_key
from trash_keras.data.stores import Store

FORMATS = ("tfrecord", "array_record")
INDEX, CHECKSUMS = "index.json", "SHA256SUMS"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How pictures are dealt out to shards.

    Attributes:
        data_format: tfrecord or array_record.
        paths: Every picture, in the order of `catalog.mixing_key`.
        shards: Number of shards.
    """

    data_format: str
    paths: tuple[str, ...]
    shards: int

    def name(self, shard: int) -> str:
        """Returns the file name of a shard."""
        return f"pictures-{shard:05d}-of-{self.shards:05d}.{self.data_format}"


def plan(store: Store, data_format: str, shards: int, max_megabytes: float) -> Plan:
    """Deals the pictures of a store out to shards.

    Args:
        store: Any store.
        data_format: tfrecord or array_record.
        shards: The least number of shards; more are taken where the bound asks for it.
        max_megabytes: Bound of the pictures in one shard, 10^6 bytes.

    Raises:
        ValueError: Unknown format, more shards than pictures, or a picture over the bound.
    """
    _require_format(data_format)
    members = store.members()
    paths = sorted((path for name in members for path in members[name]), key=mixing_key)
    if not 1 <= shards <= len(paths):
        raise ValueError(
            f"--shards must be between 1 and the number of pictures, {len(paths)}. "
            f"Received: {shards}"
        )
    sizes = np.array(_sizes(store, paths))
    bound = max_megabytes * 1e6
    if sizes.max() > bound:
        raise ValueError(
            f"--shard_megabytes={max_megabytes} is less than the largest picture, "
            f"{paths[int(sizes.argmax())]} with {sizes.max() / 1e6:.1f} MB."
        )
    while max(sizes[shard::shards].sum() for shard in range(shards)) > bound:
        shards += max(1, shards // 10)
    return Plan(data_format, tuple(paths), min(shards, len(paths)))


def _require_format(data_format: str) -> None:
    if data_format not in FORMATS:
        raise ValueError(
            f"Shards are written as {' or '.join(FORMATS)}. Received: --data_format={data_format}"
        )


def _sizes(store: Store, paths: Sequence[str]) -> list[int]:
    lengths = store.encoded(paths).map(lambda _, encoded: tf.strings.length(encoded))
    return [int(length) for length in tqdm(lengths, "Measuring pictures", unit="picture")]


def write_shard(store: Store, plan: Plan, shard: int, output: str | os.PathLike) -> dict[str, Any]:
    """Writes one shard, whole or not at all.

    Args:
        store: The store that `plan` was made from.
        plan: From `plan`.
        shard: 0 to shards - 1.
        output: Folder of the shards.

    Returns:
        `file`, `examples`, `bytes` and `sha256` of the shard.
    """
    paths = plan.paths[shard :: plan.shards]
    with storage.replacing(storage.join(output, plan.name(shard))) as temporary:
        write, close = _writer(temporary, plan.data_format)
        for position, encoded in store.encoded(paths).as_numpy_iterator():
            index = shard + int(position) * plan.shards
            write(_example(index, paths[position], encoded).SerializeToString())
        close()
        checksum = hashlib.sha256()
        with temporary.open("rb") as file:
            while block := file.read(1 << 20):
                checksum.update(block)
        size = temporary.stat().st_size
    return {
        "file": plan.name(shard),
        "examples": len(paths),
        "bytes": size,
        "sha256": checksum.hexdigest(),
    }


def _writer(path: Path, data_format: str) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    if data_format == "tfrecord":
        writer = tf.io.TFRecordWriter(str(path))
    else:
        from array_record.python.array_record_module import ArrayRecordWriter

        # One record a chunk: pictures are compressed already and are read one by one.
        writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
    return writer.write, writer.close


def _example(index: int, path: str, encoded: bytes) -> tf.train.Example:
    def texts(*values: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "index": tf.train.Feature(int64_list=tf.train.Int64List(value=[index])),
                "image/encoded": texts(encoded),
                "image/filename": texts(path.encode()),
                "image/class/text": texts(PurePosixPath(path).parent.name.encode()),
            }
        )
    )


def write_index(
    plan: Plan, shards: Sequence[dict[str, Any]], output: str | os.PathLike, source: str = ""
) -> None:
    """Writes `SHA256SUMS` and, last, `index.json`: only with it do shards count as data.

    Args:
        plan: From `plan`.
        shards: What `write_shard` returned for each shard, in order.
        output: Folder of the shards.
        source: Where the pictures came from, for people.
    """
    sums = "".join(f"{shard['sha256']}  {shard['file']}\n" for shard in shards)
    storage.write_text(storage.join(output, CHECKSUMS), sums)
    index = {
        "source": source,
        "format": plan.data_format,
        "shards": list(shards),
        "paths": list(plan.paths),
    }
    storage.write_text(storage.join(output, INDEX), json.dumps(index, indent=1) + "\n")


def by_class(paths: Iterable[str]) -> Members:
    """Returns class name -> sorted paths; the class is the first folder of a path."""
    members: dict[str, list[str]] = {}
    for path in sorted(paths):
        members.setdefault(path.split("/")[0], []).append(path)
    return {name: tuple(found) for name, found in members.items()}


class RecordStore:
    """A folder of shards.

    Args:
        root: The folder, on disk or, for tfrecord, at any address that TensorFlow reads (gs://).
        data_format: tfrecord or array_record.

    Raises:
        ValueError: No shards of that format, or a shard is missing or cut short.
    """

    def __init__(self, root: str | os.PathLike, data_format: str) -> None:
        _require_format(data_format)
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
                return json.loads(file.read())
        except (tf.errors.OpError, ValueError) as error:
            raise ValueError(
                f"There are no finished shards in {self._root}: {path} cannot be read. Write them "
                "with: python -m experiments.prepare --source=... --shards=N"
            ) from error

    def members(self) -> Members:
        """See `Store`."""
        return by_class(self._paths)

    def official(self) -> None:
        """Returns None: shards bring no splits."""

    def read(self, path: str) -> bytes:
        """See `Store`. A TFRecord shard is read from its beginning."""
        if path not in self._index:
            raise FileNotFoundError(f"{self._root} holds no {path}.")
        ((_, encoded),) = self.encoded([path]).as_numpy_iterator()
        return encoded

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """See `Store`.

        TFRecord shards are read side by side, all but those that hold none of the pictures, and
        other pictures are dropped before they are decoded; array records are read picture by
        picture.
        """
        wanted = np.array([self._index[path] for path in paths], np.int64)
        if self._format == "array_record":
            records = self._picture_by_picture(wanted)
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

    def _picture_by_picture(self, wanted: np.ndarray) -> tf.data.Dataset:
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

    def worker_share(self, paths: Sequence[str], worker: int, workers: int) -> list[str]:
        """Returns the pictures that one of several workers reads, whole shards at a time.

        Args:
            paths: Pictures of this store.
            worker: 0 to workers - 1.
            workers: Number of workers; no more than shards.
        """
        if not 0 <= worker < workers <= len(self._shards):
            raise ValueError(
                f"Expected 0 <= worker < workers <= {len(self._shards)}, the number of shards. "
                f"Received: worker {worker} of {workers}."
            )
        shards = len(self._shards)
        return [path for path in paths if self._index[path] % shards % workers == worker]

    def locations(self, paths: Sequence[str]) -> list[str]:
        """See `Store`: the checksum of the shard that holds the picture, and its path."""
        shards = len(self._checksums)
        return [f"{self._checksums[self._index[path] % shards]}:{path}" for path in paths]


def _parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = {
        "index": tf.io.FixedLenFeature((), tf.int64),
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
    }
    example = tf.io.parse_single_example(record, features)
    return example["index"], example["image/encoded"]
