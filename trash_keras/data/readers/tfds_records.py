"""The records of a prepared tensorflow-datasets data set, by number.

Records are numbered over all splits, in the alphabetical order of the splits and, within one, the
order in which they were written. They are `tf.train.Example`s, of which only the features asked
for are parsed and nothing is decoded: read through `as_dataset`, labels take several times as
long, and array_record files cannot be read that way at all.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets

MEMORY_LIMIT_BYTES = 2 * 2**30  # of encoded images that may be held to be put in order
_BUFFER_BYTES = 8 * 2**20
_AT_ONCE = 64  # records are read whole, with their images
_DTYPES = {"image": tf.string, "file": tf.string, "label": tf.int64}


class ArrayRecords:
    """Records in array_record files, which are read in any order."""

    def __init__(self, builder: tensorflow_datasets.core.DatasetBuilder) -> None:
        raw = tensorflow_datasets.decode.DeserializeMethod.RAW_BYTES
        self._sources = [
            builder.as_data_source(split, deserialize_method=raw, file_format="array_record")
            for split in sorted(builder.info.splits)
        ]
        self._stops = np.cumsum([len(source) for source in self._sources])

    def columns(self, names: set[str]) -> Iterator[dict[str, np.ndarray]]:
        """Reads features of all records, in batches.

        Args:
            names: Of image, file and label.

        Yields:
            Feature name -> [batch] of int64, or of bytes.
        """
        for source in self._sources:
            for start in range(0, len(source), _AT_ONCE):
                places = range(start, min(start + _AT_ONCE, len(source)))
                records = [
                    tf.train.Example.FromString(record).features.feature
                    for record in source.__getitems__(list(places))
                ]
                yield {name: np.array([_value(each[name]) for each in records]) for name in names}

    def images(self, numbers: np.ndarray) -> tf.data.Dataset:
        """Reads the encoded images of records, string scalars, in any order."""

        def fetch(number: int) -> bytes:
            place = int(np.searchsorted(self._stops, number, side="right"))
            start = int(self._stops[place - 1]) if place else 0
            record = self._sources[place][number - start]
            return _value(tf.train.Example.FromString(record).features.feature["image"])

        return _generated(fetch, numbers)


class TFRecords:
    """Records in TFRecord files, which are read from their beginning.

    A request in the order of the files streams; for another order the images are held in
    memory, up to MEMORY_LIMIT_BYTES.
    """

    def __init__(self, builder: tensorflow_datasets.core.DatasetBuilder) -> None:
        self._builder = builder
        splits = [builder.info.splits[name] for name in sorted(builder.info.splits)]
        self._files = np.array([path for split in splits for path in map(str, split.filepaths)])
        self._file_stops = np.cumsum([size for split in splits for size in split.shard_lengths])
        self._stops = np.cumsum([split.num_examples for split in splits])

    def columns(self, names: set[str]) -> Iterator[dict[str, np.ndarray]]:
        """As `ArrayRecords.columns`."""
        batches = tf.data.TFRecordDataset(self._files, buffer_size=_BUFFER_BYTES).batch(_AT_ONCE)
        parsed = batches.map(
            lambda records: tf.io.parse_example(records, _parsing(names)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        yield from parsed.as_numpy_iterator()

    def images(self, numbers: np.ndarray) -> tf.data.Dataset:
        """As `ArrayRecords.images`.

        Raises:
            ValueError: The images would have to be held in memory, and are too large for it.
        """
        if not len(numbers):
            return tf.data.Dataset.from_tensor_slices(tf.constant([], tf.string))
        splits = np.searchsorted(self._stops, numbers, side="right")
        used, choice = np.unique(splits, return_inverse=True)
        wanted = [numbers[splits == split] for split in used]
        if any(np.any(np.diff(part) <= 0) for part in wanted):
            return _generated(self._held(numbers).__getitem__, numbers)
        return tf.data.Dataset.choose_from_datasets(
            [self._selected(part) for part in wanted],
            tf.data.Dataset.from_tensor_slices(choice.astype(np.int64)),
        )

    def _selected(self, numbers: np.ndarray) -> tf.data.Dataset:
        """Reads records whose numbers rise, from the files between the first and the last."""
        begin, end = np.searchsorted(self._file_stops, numbers[[0, -1]], side="right")
        start = self._file_stops[begin - 1] if begin else 0
        wanted = np.zeros(numbers[-1] + 1 - start, bool)
        wanted[numbers - start] = True
        records = tf.data.TFRecordDataset(self._files[begin : end + 1], buffer_size=_BUFFER_BYTES)
        # Records are told apart by their place, so nothing here may run in parallel: a later
        # stage whose options ask for speed before order would then mix them up.
        marked = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(wanted))
        kept = marked.filter(lambda record, is_wanted: is_wanted)
        return kept.map(lambda record, _: tf.io.parse_single_example(record, _IMAGE)["image"])

    def _held(self, numbers: np.ndarray) -> dict[int, bytes]:
        info = self._builder.info
        share = len(numbers) / self._stops[-1]
        size = share * sum(split.num_bytes for split in info.splits.values())
        if size > MEMORY_LIMIT_BYTES:
            raise ValueError(
                f"{info.full_name} does not lie in the order in which training reads it, and the "
                f"{size / 2**30:.1f} GiB asked for are over the {MEMORY_LIMIT_BYTES / 2**30:.1f} "
                "GiB that may be held in memory. Make it readable in any order: tfds "
                f"convert_format --dataset_version_dir={self._builder.data_dir} "
                "--out_file_format=array_record"
            )
        rising = np.unique(numbers)
        return dict(zip(rising.tolist(), self.images(rising).as_numpy_iterator(), strict=True))


def open_records(builder: tensorflow_datasets.core.DatasetBuilder) -> ArrayRecords | TFRecords:
    """Opens the records of a prepared data set.

    Raises:
        ValueError: They are in files of another format than TFRecord and array_record.
    """
    formats = tensorflow_datasets.core.FileFormat
    if formats.ARRAY_RECORD in builder.info.available_file_formats():
        return ArrayRecords(builder)
    if builder.info.file_format == formats.TFRECORD:
        return TFRecords(builder)
    raise ValueError(
        f"The file format of {builder.info.full_name} must be tfrecord or array_record. Received: "
        f"{builder.info.file_format.value}. Convert it: tfds convert_format "
        f"--dataset_version_dir={builder.data_dir} --out_file_format=array_record"
    )


def _parsing(names: set[str]) -> dict[str, tf.io.FixedLenFeature]:
    return {name: tf.io.FixedLenFeature([], _DTYPES[name]) for name in names}


_IMAGE = _parsing({"image"})


def _value(feature: tf.train.Feature) -> Any:
    return (feature.bytes_list.value or feature.int64_list.value)[0]


def _generated(fetch: Callable[[int], bytes], numbers: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: map(fetch, numbers.tolist()), output_signature=tf.TensorSpec((), tf.string)
    )
