"""The features that a run keeps for `adapt`, so that a later head does not forget the old task.

`features.npz` beside `model.keras` holds a few MB of pooled features of the images that the model
was trained and chosen on, in float16. No image can be made from them again.
"""

import dataclasses
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trash_keras.storage import local

FILE = "features.npz"
MEGABYTES = 6.0  # in float16; 2,343 images of 1,280 channels, more than TrashNet has
VALID_SHARE = 0.25  # of the file at most
# Centred cosine of the features from which two images are one: copies in other formats, lightly
# compressed or enlarged are above it, further photographs of the same thing below.
SAME_IMAGE = 0.99


@dataclasses.dataclass(frozen=True, eq=False)
class KeptFeatures:
    """Features of the images that a model knows.

    Attributes:
        class_names: Class names in label order.
        train: float32 [N, channels], pooled features of training images.
        train_labels: int [N].
        valid: float32 [M, channels], those of validation images.
        valid_labels: int [M].
    """

    class_names: tuple[str, ...]
    train: np.ndarray
    train_labels: np.ndarray
    valid: np.ndarray
    valid_labels: np.ndarray

    def save(self, path: str | os.PathLike) -> None:
        """Writes at most `MEGABYTES`, of too many images as many of each class as of any other."""
        rows = int(MEGABYTES * 1e6 / 2 / self.train.shape[1])
        valid = balanced_rows(self.valid_labels, int(VALID_SHARE * rows))
        train = balanced_rows(self.train_labels, rows - len(valid))
        with local.atomic_write(path) as temporary:
            np.savez_compressed(
                temporary,
                class_names=np.array(self.class_names),
                train=self.train[train].astype(np.float16),
                train_labels=self.train_labels[train].astype(np.int32),
                valid=self.valid[valid].astype(np.float16),
                valid_labels=self.valid_labels[valid].astype(np.int32),
            )

    @classmethod
    def of_model(cls, model: Path, class_names: Sequence[str], channels: int) -> "KeptFeatures":
        """Reads what a run kept beside its model.

        Args:
            model: `.keras` file.
            class_names: Of the model, in label order.
            channels: Of its features.

        Raises:
            ValueError: There are none, or not those of this model.
        """
        path = model.with_name(FILE)
        if not path.exists():
            raise ValueError(
                f"There is no {FILE} beside {model}, without which the old task would be forgotten."
                " `trash-keras train` writes it at the end of a run: name the model in its folder."
            )
        try:
            with np.load(path) as found:
                values = {field.name: found[field.name] for field in dataclasses.fields(cls)}
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        names = tuple(map(str, values.pop("class_names")))
        if names != tuple(class_names) or values["train"].shape[1:] != (channels,):
            raise ValueError(f"{path} is of another model than {model}.")
        for split in ("train", "valid"):
            values[split] = values[split].astype(np.float32)
        return cls(names, **values)

    def with_classes(self, class_names: Sequence[str]) -> "KeptFeatures":
        """Returns the same features with the labels of more classes."""
        label = np.array([list(class_names).index(name) for name in self.class_names])
        return dataclasses.replace(
            self,
            class_names=tuple(class_names),
            train_labels=label[self.train_labels],
            valid_labels=label[self.valid_labels],
        )

    def with_train(self, features: np.ndarray, labels: np.ndarray) -> "KeptFeatures":
        """Returns these features and those of further training images.

        Args:
            features: float32 [N, channels].
            labels: int [N].
        """
        return dataclasses.replace(
            self,
            train=np.concatenate([features, self.train]),
            train_labels=np.concatenate([labels, self.train_labels]),
        )

    def known(self, features: np.ndarray) -> np.ndarray:
        """Tells which images the model was trained or chosen on, as far as their features are kept.

        Args:
            features: float32 [N, channels].

        Returns:
            bool [N].
        """
        mean = self.train.mean(axis=0)
        kept = _unit(np.concatenate([self.train, self.valid]) - mean)
        return (_unit(features - mean) @ kept.T).max(axis=1) >= SAME_IMAGE


def balanced_rows(labels: np.ndarray, count: int) -> np.ndarray:
    """Chooses rows of which no class has more than another that has any left; earlier ones first.

    Args:
        labels: int [N].
        count: Rows to choose at most.

    Returns:
        int [min(N, count)], sorted.
    """
    rank = np.empty(len(labels), int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows] = np.arange(len(rows))
    return np.sort(np.argsort(rank, kind="stable")[:count])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def of_run(
    class_names: Sequence[str], features: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
) -> KeptFeatures:
    """Returns what a run keeps.

    Args:
        class_names: In label order.
        features: Of `train` and `valid`, float32 [N, channels]; the first images of the split.
        labels: Of both whole splits, int [N].
    """
    train, valid = features["train"], features["valid"]
    return KeptFeatures(
        tuple(class_names),
        train,
        labels["train"][: len(train)],
        valid,
        labels["valid"][: len(valid)],
    )
