"""Pictures that tensorflow-datasets keeps: `--data_dir=tfds:NAME`."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from trash_keras.data import tfds_preparing, tfds_records
from trash_keras.data.catalog import SPLITS, Members
from trash_keras.data.splits import FOLDER_NAMES


class TfdsStore:
    """An image-classification data set of tensorflow-datasets, prepared if it isn't yet.

    Our own builder writes each split in the order of `Catalog.examples`, so it streams into
    training. Other data sets lie in an order of their own: as array_record files they are read
    at random, as TFRecord files the pictures asked for are held in memory, up to
    `tfds_records.MEMORY_LIMIT_BYTES`.
    """

    def __init__(self, location: str) -> None:
        """Opens a data set.

        Args:
            location: `tfds:NAME`, `tfds:NAME/CONFIG:VERSION` or `tfds:NAME@DATA_DIR`. DATA_DIR
                is where tfds keeps prepared data, for instance
                gs://bucket/tensorflow_datasets; without it the environment variable
                TFDS_DATA_DIR or ~/tensorflow_datasets counts.

        Raises:
            ValueError: There is no such data set, it cannot be prepared or read, or it lacks an
                `image` or a `label`.
        """
        self._location = location
        info = (builder := tfds_preparing.prepared(location)).info
        self._files = tfds_records.open_records(builder)
        self._place = str(builder.data_path)
        self._class_names: list[str] = info.features["label"].names
        self._sizes = {name: info.splits[name].num_examples for name in sorted(info.splits)}
        has_names = "file" in info.features and isinstance(
            info.features["file"], tfds.features.Text
        )
        self._wanted = {"label", "file"} if has_names else {"label"}

    def members(self) -> Members:
        """Returns class name -> sorted paths of all splits together.

        A path is the feature `file` where that names each picture once and begins with its
        class, and else invented: CLASS/SPLIT-NUMBER. Pictures without a label are left out.
        """
        return self._members(range(sum(self._sizes.values())))

    def official(self) -> Mapping[str, Members] | None:
        """Returns the data set's own split into train, valid and test; None unless it has all."""
        found = {}
        for split in SPLITS:
            for name in FOLDER_NAMES[split]:
                if name in self._sizes:
                    found[split] = self._members(self._spans()[name])
        return found if len(found) == len(SPLITS) else None

    def read(self, path: str) -> bytes:
        """Returns the encoded picture; in a TFRecord file, after a pass over those before it.

        Raises:
            ValueError: There is no such picture.
        """
        return next(self.encoded([path]).as_numpy_iterator())[1]

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """Reads pictures in exactly the order given.

        Args:
            paths: As `members` names them.
            ordered: Of no account; no other order would be faster.

        Returns:
            Dataset of (position in `paths` int64, encoded string), of known length.

        Raises:
            ValueError: A path is not in the data set, or the pictures would have to be held in
                memory to put them in order and are too large for that.
        """
        try:
            numbers = np.array([self._number_of[path] for path in paths], np.int64)
        except KeyError as error:
            raise ValueError(f"{self._location} has no picture {error}.") from None
        dataset = self._files.pictures(numbers)
        options = tf.data.Options()
        # Handing out whole record files to workers would tear the chosen records apart.
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        counted = dataset.apply(tf.data.experimental.assert_cardinality(len(paths)))
        return counted.with_options(options).enumerate()

    def locations(self, paths: Sequence[str]) -> list[str]:
        """Returns for each path the data set, its version and the path."""
        return [f"{self._place}:{path}" for path in paths]

    def _spans(self) -> dict[str, range]:
        """Returns tfds split -> the numbers of its records."""
        spans, start = {}, 0
        for name, size in self._sizes.items():
            spans[name] = range(start, start + size)
            start += size
        return spans

    @functools.cached_property
    def _labelled(self) -> dict[int, tuple[str, str]]:
        """One pass over names and labels: number of a record -> its class and path."""
        labels: list[int] = []
        names: list[bytes] = []
        total = sum(self._sizes.values())
        with tqdm(total=total, desc="Reading labels", unit="picture") as progress:
            for batch in self._files.columns(self._wanted):
                labels.extend(batch["label"].tolist())
                names.extend(batch.get("file", ()))
                progress.update(len(batch["label"]))
        classes = {
            number: self._class_names[label] for number, label in enumerate(labels) if label >= 0
        }
        given = {number: names[number].decode() for number in classes} if names else {}
        if len(set(given.values())) == len(classes) and all(
            path.startswith(f"{classes[number]}/") for number, path in given.items()
        ):
            return {number: (classes[number], path) for number, path in given.items()}
        return {
            number: (classes[number], f"{classes[number]}/{split}-{place:08d}")
            for split, span in self._spans().items()
            for place, number in enumerate(span)
            if number in classes
        }

    @functools.cached_property
    def _number_of(self) -> dict[str, int]:
        return {path: number for number, (_, path) in self._labelled.items()}

    def _members(self, numbers: range) -> Members:
        chosen: dict[str, list[str]] = {name: [] for name in sorted(self._class_names)}
        for number in numbers:
            if number in self._labelled:
                class_name, path = self._labelled[number]
                chosen[class_name].append(path)
        return {name: tuple(sorted(paths)) for name, paths in chosen.items()}
