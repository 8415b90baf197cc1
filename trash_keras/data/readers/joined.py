"""The reader of several sources, each with a reader of its own."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from trash_keras.data.catalog import FilesByClass, shuffle_key
from trash_keras.data.image_listing import PassedOver
from trash_keras.data.places import prefixed
from trash_keras.data.readers.base import Reader


class JoinedReader:
    """Several sources; the name of its source begins the path of each image.

    Args:
        readers: Name -> reader.
    """

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        self.readers = readers
        self.by_file = all(reader.by_file for reader in readers.values())

    def files_by_class(self) -> FilesByClass:
        """See `Reader`; classes have the names that the sources give them."""
        listed = {name: reader.files_by_class() for name, reader in self.readers.items()}
        return {name: tuple(paths) for name, paths in prefixed(listed).items()}

    def predefined_splits(self) -> None:
        """Returns None: each source has its own, or none."""

    def passed_over(self) -> PassedOver:
        """See `Reader`."""
        return prefixed({name: reader.passed_over() for name, reader in self.readers.items()})

    def read(self, path: str) -> bytes:
        """See `Reader`."""
        source, _, rest = path.partition("/")
        if source not in self.readers:
            raise FileNotFoundError(f"There is no source {source} for {path}.")
        return self.readers[source].read(rest)

    def encoded(self, paths: Sequence[str], ordered: bool = True) -> tf.data.Dataset:
        """See `Reader`; the images of each source in the order of `catalog.shuffle_key`.

        `Catalog.examples` has that order. Where the order is free they are brought into it.
        """
        streams, sources = [], self._rows(paths)
        for source, rows in sources.items():
            if not ordered:
                rows = sorted(rows, key=lambda row: shuffle_key(paths[row].partition("/")[2]))
            streams.append(self._stream(source, rows, paths, ordered))
        number = {source: index for index, source in enumerate(sources)}
        choices = [number[path.partition("/")[0]] for path in paths]
        joined = tf.data.Dataset.choose_from_datasets(
            streams, tf.data.Dataset.from_tensor_slices(tf.constant(choices, tf.int64))
        )
        return joined.apply(tf.data.experimental.assert_cardinality(len(paths)))

    def _rows(self, paths: Sequence[str]) -> dict[str, list[int]]:
        """Returns source -> positions of its images."""
        rows: dict[str, list[int]] = {}
        for row, path in enumerate(paths):
            rows.setdefault(path.partition("/")[0], []).append(row)
        return rows

    def _stream(
        self, source: str, rows: Sequence[int], paths: Sequence[str], ordered: bool
    ) -> tf.data.Dataset:
        table = tf.constant(rows, tf.int64)
        own = [paths[row].partition("/")[2] for row in rows]
        found = self.readers[source].encoded(own, ordered)
        return found.map(lambda position, encoded: (table[position], encoded))

    def locations(self, paths: Sequence[str]) -> list[str]:
        """See `Reader`."""
        facts = [""] * len(paths)
        for source, rows in self._rows(paths).items():
            own = [paths[row].partition("/")[2] for row in rows]
            for row, fact in zip(rows, self.readers[source].locations(own), strict=True):
                facts[row] = fact
        return facts
