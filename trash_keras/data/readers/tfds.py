"""The reader of tensorflow-datasets (tfds): `tfds:NAME` -> prepared records -> encoded images."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets
from tqdm import tqdm

from trash_keras.data import class_names
from trash_keras.data.catalog import SPLITS, FilesByClass
from trash_keras.data.image_listing import UNLABELLED
from trash_keras.data.readers import tfds_records
from trash_keras.data.readers.base import TFDS_PREFIX
from trash_keras.data.split_folders import split_of
from trash_keras.data.trashnet import trashnet_dataset_builder
from trash_keras.storage.names import from_bytes


def open_builder(location: str) -> tensorflow_datasets.core.DatasetBuilder:
    """Opens a data set; downloads and prepares it first if it is not prepared yet.

    Args:
        location: `tfds:NAME`, with /CONFIG, :VERSION and @DATA_DIR as needed.

    Raises:
        ValueError: There is no such data set, it cannot be prepared, or it has no `image` (Image
            of integers) or no `label` (ClassLabel).
    """
    name, data_dir = _parse(location)
    builder = _find(location, name, data_dir)
    _require_labelled_images(location, builder.info.features)
    if not builder.is_prepared():
        _prepare(name, builder)
    return builder


def _parse(location: str) -> tuple[str, str | None]:
    name, _, data_dir = location.removeprefix(TFDS_PREFIX).partition("@")
    if not location.startswith(TFDS_PREFIX) or not name:
        raise ValueError(
            "A data set of tensorflow-datasets is written tfds:NAME, tfds:NAME:VERSION or "
            f"tfds:NAME@DATA_DIR. Received: {location!r}"
        )
    return name, data_dir or os.environ.get("TFDS_DATA_DIR")


def _find(
    location: str, name: str, data_dir: str | None
) -> tensorflow_datasets.core.DatasetBuilder:
    try:
        return tensorflow_datasets.builder(name, data_dir=data_dir)
    except tensorflow_datasets.core.DatasetNotFoundError as error:
        raise ValueError(
            f"tensorflow-datasets knows no data set {name!r}, and none of that name is prepared in "
            f"{data_dir or '~/tensorflow_datasets'}. Look for names on "
            "https://www.tensorflow.org/datasets/catalog, or name the place of prepared data: "
            f"tfds:NAME@DATA_DIR. Received: {location!r}"
        ) from error
    except Exception as error:  # tfds and its builders raise all kinds of errors
        raise ValueError(f"{location} cannot be opened: {_first_line(error)}") from error


def _prepare(name: str, builder: tensorflow_datasets.core.DatasetBuilder) -> None:
    root = builder.data_dir_root
    try:
        builder.download_and_prepare()
    except Exception as error:  # as above
        if isinstance(builder, trashnet_dataset_builder.Builder):
            advice = (
                f"With no network, put {trashnet_dataset_builder.FOLDER}.zip or its class folders "
                f"into the manual_dir {root / 'downloads' / 'manual'}, or make class folders with "
                "'trash-keras prepare --source=trashnet --data_dir=DIR'."
            )
        else:
            advice = (
                f"Prepare it with 'tfds build {name} --data_dir={root}'; what it wants downloaded "
                f"by hand goes into the manual_dir {root / 'downloads' / 'manual'}."
            )
        raise ValueError(
            f"{TFDS_PREFIX}{name} is not prepared in {root}, and preparing it failed: "
            f"{_first_line(error)} {advice}"
        ) from error


def _require_labelled_images(location: str, features: Any) -> None:
    by_name = (
        dict(features.items())
        if isinstance(features, tensorflow_datasets.features.FeaturesDict)
        else {}
    )
    image, label = by_name.get("image"), by_name.get("label")
    # A float image is a PNG whose four channels are the bytes of one number: no image to decode.
    if (
        isinstance(image, tensorflow_datasets.features.Image)
        and image.np_dtype != np.float32
        and isinstance(label, tensorflow_datasets.features.ClassLabel)
    ):
        return
    found = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in by_name.items())
    raise ValueError(
        "Training needs the features image (Image of integers) and label (ClassLabel). "
        f"{location} has: {found or features}."
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


class TfdsReader:
    """An image-classification data set of tensorflow-datasets, prepared if it is not yet.

    Our own builder writes each split in the order of `Catalog.examples`, so it streams into
    training. Other data sets lie in an order of their own: as array_record files they are read
    at random, as TFRecord files the images asked for are held in memory, up to
    `tfds_records.MEMORY_LIMIT_BYTES`.
    """

    by_file = False

    def __init__(self, location: str) -> None:
        """Opens a data set.

        Args:
            location: `tfds:NAME`, `tfds:NAME/CONFIG:VERSION` or `tfds:NAME@DATA_DIR`. DATA_DIR
                is where tfds keeps prepared data, for instance
                gs://bucket/tensorflow_datasets; without it the environment variable
                TFDS_DATA_DIR or ~/tensorflow_datasets is used.

        Raises:
            ValueError: There is no such data set, it cannot be prepared or read, or it lacks an
                `image` or a `label`.
        """
        self._location = location
        info = (builder := open_builder(location)).info
        self._files = tfds_records.open_records(builder)
        self._place = str(builder.data_path)
        labels = info.features["label"].names
        named = class_names.of_folders(labels)
        self._class_names: list[str] = [named[label] for label in labels]
        self._sizes = {name: info.splits[name].num_examples for name in sorted(info.splits)}
        has_names = "file" in info.features and isinstance(
            info.features["file"], tensorflow_datasets.features.Text
        )
        self._wanted = {"label", "file"} if has_names else {"label"}

    def files_by_class(self) -> FilesByClass:
        """Returns class name -> sorted paths of all splits together.

        A path is the feature `file` where that names each image once and begins with its
        class, and CLASS/SPLIT-NUMBER otherwise. Images without a label are left out.
        """
        return self._by_class(range(sum(self._sizes.values())))

    def predefined_splits(self) -> Mapping[str, FilesByClass] | None:
        """Returns the data set's own split into train, valid and test; None unless it has all."""
        found: dict[str, FilesByClass] = {}
        for name in self._sizes:
            if split := split_of(name):
                found.setdefault(split, self._by_class(self._spans()[name]))
        return found if len(found) == len(SPLITS) else None

    def passed_over(self) -> dict[str, list[str]]:
        """Returns the images without a label, by split and number."""
        unlabelled = [
            f"{split}-{place:08d}"
            for split, span in self._spans().items()
            for place, number in enumerate(span)
            if number not in self._labelled
        ]
        return {UNLABELLED: unlabelled} if unlabelled else {}

    def read(self, path: str) -> bytes:
        """Returns the encoded image; in a TFRecord file, after a pass over those before it.

        Raises:
            ValueError: There is no such image.
        """
        return next(self.encoded([path]).as_numpy_iterator())[1]

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """Reads images in exactly the order given.

        Args:
            paths: As `files_by_class` names them.
            ordered: Ignored; no other order would be faster.

        Returns:
            Dataset of (position in `paths` int64, encoded string), of known length.

        Raises:
            ValueError: A path is not in the data set, or the images would have to be held in
                memory to put them in order and are too large for that.
        """
        try:
            numbers = np.array([self._number_of[path] for path in paths], np.int64)
        except KeyError as error:
            raise ValueError(f"{self._location} has no image {error}.") from None
        dataset = self._files.images(numbers)
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
        with tqdm(total=total, desc="Reading labels", unit="image") as progress:
            for batch in self._files.columns(self._wanted):
                labels.extend(batch["label"].tolist())
                names.extend(batch.get("file", ()))
                progress.update(len(batch["label"]))
        classes = {
            number: self._class_names[label] for number, label in enumerate(labels) if label >= 0
        }
        given = {number: from_bytes(names[number]) for number in classes} if names else {}
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

    def _by_class(self, numbers: range) -> FilesByClass:
        chosen: dict[str, list[str]] = {name: [] for name in sorted(self._class_names)}
        for number in numbers:
            if number in self._labelled:
                class_name, path = self._labelled[number]
                chosen[class_name].append(path)
        return {name: tuple(sorted(paths)) for name, paths in chosen.items()}
