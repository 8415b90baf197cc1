"""What `adapt` starts from: a trained model, and images of home by which forgetting is measured."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import keras
import numpy as np

from trash_keras import pretrained
from trash_keras.calibration.ood import SubspaceDetector
from trash_keras.config import DataConfig
from trash_keras.data import file_roles
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split, load_split
from trash_keras.data.places import addresses
from trash_keras.data.readers.base import open_reader
from trash_keras.metadata import ModelMetadata
from trash_keras.models import classifier, inference
from trash_keras.storage import text_files
from trash_keras.training.calibrate import HeldOut, extract
from trash_keras.training.head_refit import Head
from trash_keras.training.kept_features import KeptFeatures


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """The trained model.

    Attributes:
        path: Its `.keras` file.
        metadata: What the file says of itself.
        classifier: The classifier in it.
        detector: Of OOD images; None where it has none.
        kept: Features that its run kept.
    """

    path: str
    metadata: ModelMetadata
    classifier: keras.Model
    detector: SubspaceDetector | None
    kept: KeptFeatures

    @classmethod
    def load(cls, model: str | os.PathLike | None) -> Self:
        """Reads a model and what its run kept.

        Args:
            model: `model.keras` of a run; None takes the model that comes with the package.

        Raises:
            ValueError: There is none, it cannot be trained on, or its run kept no features.
        """
        path = Path(pretrained.trainable() if model is None else model)
        file_roles.require("model", path)
        metadata = ModelMetadata.read(path)
        if path.suffix != ".keras":
            raise ValueError(
                "--model must be the model.keras of a run: exported files have no head to fit. "
                f"Received: {path}"
            )
        try:
            whole = inference.load(path)
            trained = classifier.raw_classifier(whole)
        except Exception as error:  # Keras raises many types for a broken file
            raise ValueError(f"The model {path} cannot be loaded: {error}") from error
        channels = trained.get_layer(classifier.FEATURES).output.shape[-1]
        kept = KeptFeatures.of_model(path, metadata.class_names, channels)
        detector = inference.read_ood_detector(whole)
        return cls(os.fspath(path), metadata, trained, detector, kept)

    def head(self) -> Head:
        """Returns the head of the classifier."""
        return Head(*self.classifier.get_layer(classifier.LOGITS).get_weights())

    def features(
        self, split: Split, batch_size: int = DataConfig.batch_size, title: str = ""
    ) -> np.ndarray:
        """Returns the features of a split: float32 [N, channels], the mean of the views'."""
        images = load_split(split.for_model(self.metadata), cache=False)
        return extract(self.classifier, self.metadata, images, batch_size, title)

    def with_classes(self, names: Sequence[str]) -> Head:
        """Returns the head for other classes: those of the model stay, others are new."""
        known = self.metadata.class_names
        positions = [known.index(name) if name in known else None for name in names]
        return self.head().with_classes(positions, self.kept.train)

    def before(self, names: Sequence[str], features: np.ndarray) -> np.ndarray:
        """Returns the logits that the model's own head gives to images: float [N, classes].

        Args:
            names: Classes of the result; of one that the model does not know it is -inf.
            features: float32 [N, channels], of its own backbone.
        """
        own = HeldOut(np.empty(0), self.head().logits(features), features)
        logits = np.full((len(features), len(names)), -np.inf)
        columns = [list(names).index(name) for name in self.metadata.class_names]
        logits[:, columns] = own.scaled(self.detector)
        return logits


@dataclasses.dataclass(frozen=True, eq=False)
class Home:
    """Images of the data that the model was trained on, which no weight was fitted to.

    Attributes:
        labels: int [N], by the classes of the model.
        features: float32 [N, channels].
        what: Which images they are, for a reader.
        split: Them; None where only their features are at hand.
    """

    labels: np.ndarray
    features: np.ndarray
    what: str
    split: Split | None = None


def find_home(source: Source, home_dir: str, batch_size: int = DataConfig.batch_size) -> Home:
    """Finds the images by which it is measured what the model forgets.

    Args:
        source: The model to adapt.
        home_dir: Folder of the images of the model's own run; empty for what it kept.
        batch_size: Images per step.

    Raises:
        ValueError: There is no catalog with a test split beside the model, or images are missing.
    """
    kept = source.kept
    if not home_dir:
        what = "validation images, by the features that its run kept"
        return Home(kept.valid_labels, kept.valid, what)
    split = home_split(source, home_dir, "test")
    features = source.features(split, batch_size, "Features, home")
    return Home(split.examples()[1], features, f"test images in {home_dir}", split)


def home_split(source: Source, home_dir: str, name: str) -> Split:
    """Returns a split of the images that the model's own run divided.

    Args:
        source: The model to adapt.
        home_dir: Folder of these images; empty takes that which the run was given.
        name: train, valid or test.

    Raises:
        ValueError: There is no catalog with such a split beside the model, or images are missing.
    """
    run = Path(source.path).parent
    data_format = DataConfig.data_format
    if not home_dir:
        home_dir, data_format = _own_data(run)
    catalog = Catalog.load(run / "catalog.json").only(name)
    reader = open_reader(home_dir, data_format)
    catalog.require(reader.files_by_class(), home_dir)
    return Split(catalog, name, reader)


def _own_data(run: Path) -> tuple[str, str]:
    """Returns folder and format of the images that a run was trained on, as its settings say."""
    try:
        found = text_files.from_json(text_files.read(run / "config.json"))["data"]
        data_dir, data_format = str(found["data_dir"]), str(found["data_format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"Nothing in {run} says where they are.") from error
    # Others would have to be downloaded, which nobody asked for.
    if not all(os.path.isdir(address) for address in addresses(data_dir).values()):
        raise ValueError(f"They are no longer in {data_dir}.")
    return data_dir, data_format
