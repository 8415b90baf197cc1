"""Predictions of a model for every image of a split: all metrics are computed from them."""

import csv
import dataclasses
import functools
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.metrics import classification, selective
from trash_keras.storage import checksums, local


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for the images of a split.

    Attributes:
        class_names: Class names in label order.
        paths: File of each image, N of them.
        labels: int [N], indices into `class_names`.
        probabilities: float [N, classes]; rows sum to 1.
    """

    class_names: Sequence[str]
    paths: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray

    def score(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Returns the metrics of the split; most are computed once.

        They are those of `classification_report` and of `selective_report`.

        Args:
            settings: From `ModelMetadata.inference_settings`; None for temperature 1 and
                threshold 0.
        """
        fitted = selective.selective_report(self.labels, self.probabilities, settings or {})
        return self._scores | fitted

    @functools.cached_property
    def _scores(self) -> dict[str, Any]:
        return classification.classification_report(
            self.labels, self.probabilities, self.class_names, self.paths
        )

    def only(self, paths: Sequence[str]) -> "Predictions":
        """Returns the predictions for some of the images, in the order of `paths`."""
        position = {path: index for index, path in enumerate(self.paths)}
        rows = [position[path] for path in paths]
        return Predictions(self.class_names, paths, self.labels[rows], self.probabilities[rows])

    def save(self, path: str | os.PathLike) -> None:
        """Writes a CSV file: file, truth, prediction, and a column of probabilities a class."""
        best = self.probabilities.argmax(axis=1)
        shares = ",".join(["%.8g"] * len(self.class_names))  # one format is twice as fast
        start = io.StringIO()
        names = csv.writer(start, lineterminator="\n")
        quoting = csv.writer(start, lineterminator="\n", quoting=csv.QUOTE_ALL)
        # Row by row, since the text of many images of many classes may not fit into memory.
        with (
            local.atomic_write(path, checked=True) as temporary,
            temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            header = ["file", "truth", "prediction", *self.class_names]
            csv.writer(file, lineterminator="\n").writerow(header)
            for name, label, guess, row in zip(
                self.paths, self.labels, best, self.probabilities, strict=True
            ):
                cells = [name, self.class_names[label], self.class_names[guess]]
                # A name may hold a carriage return, which ends a line unless it is quoted.
                (quoting if "\r" in name else names).writerow(cells)
                file.write(f"{start.getvalue()[:-1]},{shares % tuple(row.tolist())}\n")
                start.seek(0)
                start.truncate()

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Predictions":
        """Reads what `save` wrote.

        Raises:
            ValueError: There is no such file, or it holds something else.
        """
        checksums.require(path)
        try:
            with Path(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = csv.reader(file)
                header = next(rows, [])
                class_names = header[3:]
                number = {name: label for label, name in enumerate(class_names)}
                paths, labels, probabilities = [], [], []
                for row in rows:
                    paths.append(row[0])
                    labels.append(number[row[1]])
                    probabilities.append(np.array([float(share) for share in row[3:]]))
            if header[:3] != ["file", "truth", "prediction"] or not paths or not class_names:
                raise ValueError("its columns are not those of a file of predictions")
            return cls(
                tuple(class_names), paths, np.array(labels, np.int32), np.stack(probabilities)
            )
        except KeyError as error:
            raise ValueError(f"No usable predictions at {path}: no class {error}") from error
        except (OSError, ValueError, IndexError, csv.Error) as error:
            raise ValueError(f"No usable predictions at {path}: {error}") from error
