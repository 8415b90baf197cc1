"""Pictures that tensorflow-datasets keeps: `--data_dir=tfds:NAME`."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from trash_keras.data import tfds_preparing
from trash_keras.data.catalog import SPLITS, Members
from trash_keras.data.splits import FOLDER_NAMES

MEMORY_LIMIT_BYTES = 2 * 2**30  # of encoded pictures that may be held to be put in order
_LABELS_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class _Records:
    """All records, split after split, each in the order that tfds reads it in.

    Attributes:
        names: A path for each record.
        labels: int64 [N], label of each record, -1 for none.
        stops: tfds split -> number of the record after its last one; in order.
    """

    names: list[str]
    labels: np.ndarray
    stops: dict[str, int]

    def span(self, split: str) -> tuple[int, int]:
        """Returns the numbers of a split's first record and of the one after its last."""
        place = list(self.stops).index(split)
        return [0, *self.stops.values()][place], self.stops[split]


class TfdsStore:
    """An image-classification data set of tensorflow-datasets, prepared if it isn't yet.

    array_record files are read at random. TFRecord files can only be read from their beginning: a
    request in the order in which they were written streams, and our own builder writes each split
    in the order of `Catalog.examples`. Other data sets lie in an order of their own, and then the
    pictures asked for are held in memory, up to MEMORY_LIMIT_BYTES.
    """

    def __init__(self, location: str) -> None:
        """Opens a data set.

        Args:
            location: `tfds:NAME`, `tfds:NAME/CONFIG:VERSION` or `tfds:NAME@DATA_DIR`. DATA_DIR
                is where tfds keeps prepared data, for instance
                gs://bucket/tensorflow_datasets; without it the environment variable
                TFDS_DATA_DIR or ~/tensorflow_datasets counts.

        Raises:
            ValueError: There is no such data set, it cannot be prepared, or it lacks an `image`
                or a `label`.
        """
        self._location = location
        self._builder = tfds_preparing.prepared(location)
        features = self._builder.info.features
        self._class_names: list[str] = features["label"].names
        names_files = "file" in features and isinstance(features["file"], tfds.features.Text)
        self._wanted = {"label", "file"} if names_files else {"label"}
        self._sources = _data_sources(self._builder)

    def members(self) -> Members:
        """Returns class name -> sorted paths of all splits together.

        A path is the feature `file` where that names each picture once and begins with its
        class, and else invented: CLASS/SPLIT-NUMBER. Pictures without a label are left out.
        """
        return self._members(0, len(self._records.names))

    def official(self) -> Mapping[str, Members] | None:
        """Returns the data set's own split into train, valid and test; None unless it has all."""
        found = {}
        for split in SPLITS:
            for name in FOLDER_NAMES[split]:
                if name in self._records.stops:
                    found[split] = self._members(*self._records.span(name))
        return found if len(found) == len(SPLITS) else None

    def read(self, path: str) -> bytes:
        """Returns the encoded picture; takes a pass over the records before it.

        Raises:
            ValueError: There is no such picture.
        """
        return next(self.encoded([path]).as_numpy_iterator())[1]

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """Reads pictures in exactly the order given.

        Args:
            paths: As `members` names them; those of `Catalog.examples` stream from the records
                that our builder wrote, see the class for others.
            ordered: Of no account; no other order would be faster.

        Returns:
            Dataset of (position in `paths` int64, encoded string), of known length.

        Raises:
            ValueError: A path is not in the data set, or the records would have to be put in
                order and are too large for that.
        """
        numbers = self._numbers(paths)
        if self._sources:
            dataset = _generated(self._at_random, numbers)
        elif self._rises(numbers):
            dataset = self._streamed(numbers)
        else:
            dataset = _generated(self._held(numbers).__getitem__, numbers)
        options = tf.data.Options()
        # Handing out whole record files to workers would tear the chosen records apart.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        counted = dataset.apply(tf.data.experimental.assert_cardinality(len(paths)))
        return counted.with_options(options).enumerate()

    def locations(self, paths: Sequence[str]) -> list[str]:
        """Returns for each path the data set, its version and the path."""
        return [f"{self._builder.data_path}:{path}" for path in paths]

    @functools.cached_property
    def _records(self) -> _Records:
        """One pass over names and labels; no picture is decoded."""
        infos = self._builder.info.splits
        labels: list[np.ndarray] = []
        files: list[bytes] = []
        stops: dict[str, int] = {}
        total = sum(info.num_examples for info in infos.values())
        with tqdm(total=total, desc="Reading labels", unit="picture") as progress:
            for split in sorted(infos):
                for batch in self._without_pictures(split):
                    labels.append(batch["label"])
                    files.extend(batch.get("file", ()))
                    progress.update(len(batch["label"]))
                stops[split] = progress.n
        label = np.concatenate(labels)
        names = _file_names(files, label, self._class_names)
        names = names or _invented_names(label, self._class_names, stops)
        return _Records(names, label, stops)

    @functools.cached_property
    def _number_of(self) -> dict[str, int]:
        records = self._records
        return {
            name: number for number, name in enumerate(records.names) if records.labels[number] >= 0
        }

    def _members(self, start: int, stop: int) -> Members:
        chosen: dict[str, list[str]] = {name: [] for name in sorted(self._class_names)}
        for number in range(start, stop):
            label = self._records.labels[number]
            if label >= 0:
                chosen[self._class_names[label]].append(self._records.names[number])
        return {name: tuple(sorted(paths)) for name, paths in chosen.items()}

    def _numbers(self, paths: Sequence[str]) -> np.ndarray:
        try:
            return np.array([self._number_of[path] for path in paths], np.int64)
        except KeyError as error:
            raise ValueError(f"{self._location} has no picture {error}.") from None

    def _without_pictures(self, split: str) -> Iterator[dict[str, Any]]:
        if not self._sources:
            batches = self._open(split, tfds.decode.PartialDecoding(self._wanted))
            yield from batches.batch(_LABELS_AT_ONCE).as_numpy_iterator()
            return
        source = self._sources[split]
        for start in range(0, len(source), _LABELS_AT_ONCE):
            places = range(start, min(start + _LABELS_AT_ONCE, len(source)))
            records = source.__getitems__(list(places))
            yield {
                name: np.array([_value(each, name) for each in records]) for name in self._wanted
            }

    def _open(self, split: str, decoders: Any) -> tf.data.Dataset:
        config = tfds.ReadConfig(
            try_autocache=False,
            interleave_cycle_length=1,
            # Records are told apart by their place, which parallel parsing would not keep in a
            # pipeline whose options ask for speed before order.
            num_parallel_calls_for_decode=1,
        )
        with tfds_preparing.quiet():
            return self._builder.as_dataset(split=split, decoders=decoders, read_config=config)

    def _at_random(self, number: int) -> bytes:
        split = next(split for split, stop in self._records.stops.items() if number < stop)
        record = self._sources[split][number - self._records.span(split)[0]]
        return _value(record, "image")

    def _split_of(self, numbers: np.ndarray) -> np.ndarray:
        """Returns for each record the place of its split among the splits."""
        return np.searchsorted(list(self._records.stops.values()), numbers, side="right")

    def _rises(self, numbers: np.ndarray) -> bool:
        """Says whether the request asks for the records of each split in their order."""
        splits = self._split_of(numbers)
        return all(np.all(np.diff(numbers[splits == split]) > 0) for split in np.unique(splits))

    def _streamed(self, numbers: np.ndarray) -> tf.data.Dataset:
        if not len(numbers):
            return tf.data.Dataset.from_tensor_slices(tf.constant([], tf.string))
        splits = self._split_of(numbers)
        used, choice = np.unique(splits, return_inverse=True)
        parts = [self._selected(place, numbers[splits == place]) for place in used]
        return tf.data.Dataset.choose_from_datasets(
            parts, tf.data.Dataset.from_tensor_slices(choice.astype(np.int64))
        )

    def _selected(self, place: int, numbers: np.ndarray) -> tf.data.Dataset:
        """Reads the records of one split that have these numbers, which rise."""
        split = list(self._records.stops)[place]
        places = numbers - self._records.span(split)[0]
        first, stop = int(places[0]), int(places[-1]) + 1
        wanted = np.zeros(stop - first, bool)
        wanted[places - first] = True
        decoders = tfds.decode.PartialDecoding({"image"}, {"image": tfds.decode.SkipDecoding()})
        pictures = self._open(f"{split}[{first}:{stop}]", decoders)
        marked = tf.data.Dataset.zip(pictures, tf.data.Dataset.from_tensor_slices(wanted))
        kept = marked.filter(lambda record, is_wanted: is_wanted)
        return kept.map(lambda record, is_wanted: record["image"])

    def _held(self, numbers: np.ndarray) -> dict[int, bytes]:
        """Reads records into memory, in the order of the files."""
        splits = np.array(list(self._records.stops))[np.unique(self._split_of(numbers))]
        size = sum(self._builder.info.splits[split].num_bytes for split in splits)
        if size > MEMORY_LIMIT_BYTES:
            raise ValueError(
                f"The records of {self._location} lie in another order than training reads them, "
                f"and at {size / 2**30:.1f} GiB they are over the {MEMORY_LIMIT_BYTES / 2**30:.1f} "
                "GiB that may be held in memory. Make them readable at random: tfds convert_format "
                f"--dataset_version_dir={self._builder.data_dir} --out_file_format=array_record"
            )
        rising = np.unique(numbers)
        return dict(zip(rising.tolist(), self._streamed(rising).as_numpy_iterator(), strict=True))


def _data_sources(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """Returns split -> records by number, or nothing where the files cannot be read at random."""
    if tfds.core.FileFormat.ARRAY_RECORD not in builder.info.available_file_formats():
        return {}
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    return {
        split: builder.as_data_source(split, deserialize_method=raw, file_format="array_record")
        for split in builder.info.splits
    }


def _value(record: bytes, name: str) -> Any:
    """Returns one feature of a record, without parsing or decoding the others' values."""
    feature = tf.train.Example.FromString(record).features.feature[name]
    return (feature.bytes_list.value or feature.int64_list.value)[0]


def _generated(fetch: Callable[[int], bytes], numbers: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: map(fetch, numbers.tolist()), output_signature=tf.TensorSpec((), tf.string)
    )


def _file_names(files: list[bytes], labels: np.ndarray, class_names: list[str]) -> list[str]:
    """Returns the names that the data set gives, or none where they don't serve."""
    names = [name.decode() for name in files]
    serve = len(set(names)) == len(labels) and all(
        label < 0 or name.startswith(f"{class_names[label]}/")
        for name, label in zip(names, labels, strict=True)
    )
    return names if serve else []


def _invented_names(labels: np.ndarray, class_names: list[str], stops: dict[str, int]) -> list[str]:
    names, start = [], 0
    for split, stop in stops.items():
        for number in range(start, stop):
            class_name = class_names[labels[number]] if labels[number] >= 0 else "unlabelled"
            names.append(f"{class_name}/{split}-{number - start:08d}")
        start = stop
    return names
