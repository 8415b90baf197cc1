"""Writing shards: many images in few files, for disks and networks that are slow with many.

All images are put in one order, that of `catalog.shuffle_key`, and distributed round-robin: image
i is in shard i % shards. Reading one record of each shard in turn gives that order again, which
is the order of every split of a catalog. So training from shards sees what training from the
folder sees, while many shards are read at once.

A folder of shards holds `index.json` (format, shards with their sizes, the path of every image),
`SHA256SUMS` (for `sha256sum --check`) and the shards. Each record is a `tf.train.Example` with
`image/encoded`, `image/filename`, `image/class/text` and `index`.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.data.catalog import single_split
from trash_keras.data.readers.base import Reader
from trash_keras.storage import remote
from trash_keras.storage.names import to_bytes

FORMATS = ("tfrecord", "array_record")
INDEX, CHECKSUMS = "index.json", "SHA256SUMS"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which images go to which shard.

    Attributes:
        data_format: tfrecord or array_record.
        paths: Every image, in the order of `catalog.shuffle_key`.
        shards: Number of shards.
    """

    data_format: str
    paths: tuple[str, ...]
    shards: int

    def name(self, shard: int) -> str:
        """Returns the file name of a shard."""
        return f"images-{shard:05d}-of-{self.shards:05d}.{self.data_format}"


def plan(reader: Reader, data_format: str, shards: int, max_megabytes: float) -> Plan:
    """Distributes the images of a reader to shards.

    Args:
        reader: Any reader.
        data_format: tfrecord or array_record.
        shards: The least number of shards; the bound can require more.
        max_megabytes: Largest total size of the images in one shard, 10^6 bytes.

    Raises:
        ValueError: Unknown format, more shards than images, or an image over the bound.
    """
    require_format(data_format)
    paths = single_split(reader.files_by_class()).paths()
    if not 1 <= shards <= len(paths):
        raise ValueError(
            f"--shards must be between 1 and the number of images, {len(paths)}. Received: {shards}"
        )
    sizes = np.array(_sizes(reader, paths))
    bound = max_megabytes * 1e6
    if sizes.max() > bound:
        raise ValueError(
            f"--shard_megabytes={max_megabytes} is less than the largest image, "
            f"{paths[int(sizes.argmax())]} with {sizes.max() / 1e6:.1f} MB."
        )
    while max(sizes[shard::shards].sum() for shard in range(shards)) > bound:
        shards += max(1, shards // 10)
    return Plan(data_format, tuple(paths), min(shards, len(paths)))


def require_format(data_format: str) -> None:
    """Raises ValueError for a format that shards do not have."""
    if data_format not in FORMATS:
        raise ValueError(
            f"Shards are written as {' or '.join(FORMATS)}. Received: --data_format={data_format}"
        )


def _sizes(reader: Reader, paths: Sequence[str]) -> list[int]:
    lengths = reader.encoded(paths).map(lambda _, encoded: tf.strings.length(encoded))
    return [int(length) for length in tqdm(lengths, "Measuring images", unit="image")]


def write_shard(
    reader: Reader, plan: Plan, shard: int, output: str | os.PathLike
) -> dict[str, Any]:
    """Writes one shard, whole or not at all.

    Args:
        reader: The reader that `plan` was made from.
        plan: From `plan`.
        shard: 0 to shards - 1.
        output: Folder of the shards.

    Returns:
        `file`, `examples`, `bytes` and `sha256` of the shard.
    """
    paths = plan.paths[shard :: plan.shards]
    with remote.atomic_write(remote.join(output, plan.name(shard))) as temporary:
        write, close = _writer(temporary, plan.data_format)
        for position, encoded in reader.encoded(paths).as_numpy_iterator():
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

        # One record a chunk: images are compressed already and are read one by one.
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
                "image/filename": texts(to_bytes(path)),
                "image/class/text": texts(to_bytes(PurePosixPath(path).parent.name)),
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
        source: Where the images came from, for people.
    """
    sums = "".join(f"{shard['sha256']}  {shard['file']}\n" for shard in shards)
    remote.write_text(remote.join(output, CHECKSUMS), sums)
    index = {
        "source": source,
        "format": plan.data_format,
        "shards": list(shards),
        "paths": list(plan.paths),
    }
    remote.write_text(remote.join(output, INDEX), json.dumps(index, indent=1) + "\n")
