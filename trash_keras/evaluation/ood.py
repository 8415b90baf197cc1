"""Out-of-distribution (OOD) detection: runs a model on images that it is not for."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.calibration.ood import TRAINING_IMAGES
from trash_keras.data import decoding, image_listing, pipeline, validation
from trash_keras.data.catalog import WHOLE, Catalog, shuffle_key
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.metrics import ood
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier, inference
from trash_keras.predictor import PredictBatch, Predictor
from trash_keras.runtimes import keras_file


@dataclasses.dataclass(frozen=True)
class Runner:
    """A model, and how it runs over a split.

    Attributes:
        path: The file that `predictor` was loaded from; a `.keras` file gives features, too.
        predictor: The model with its metadata.
        batch_size: Images per step.
    """

    path: str | os.PathLike
    predictor: Predictor
    batch_size: int = 32

    def run(self, predict_batch: PredictBatch, split: Split, title: str) -> np.ndarray:
        """Returns float32 [N, outputs], in the order of `Split.examples`.

        Args:
            predict_batch: As `Predictor` has it, with any outputs.
            split: N images.
            title: What the progress bar says.
        """
        metadata = self.predictor.metadata
        images = pipeline.load_split(split.for_model(metadata), cache=False)
        batches = pipeline.make_eval_dataset(images, self.batch_size)
        return Predictor(predict_batch, metadata).predict_batches(batches, len(images), title)


def ood_dataset(
    folder: str | os.PathLike, max_megapixels: float = decoding.MAX_MEGAPIXELS
) -> Split:
    """Lists OOD images; those that cannot be decoded are in `bad_files`.

    Args:
        folder: Has images in it, or in folders below.
        max_megapixels: Most pixels to decode, millions.

    Raises:
        ValueError: There is no such folder, or no image in it that can be decoded.
    """
    if not os.path.isdir(folder):  # Path("") would be the working folder
        raise ValueError(f"--ood_dir must be a folder of images. Received: {folder}")
    found = image_listing.list_folder(folder)
    image_listing.tell(found.passed_over, folder)
    paths = sorted(found.images, key=shuffle_key)
    reader = FolderReader(folder)
    bad = validation.verify_images(reader, paths, max_megapixels) if paths else {}
    kept = tuple(path for path in paths if path not in bad)
    if not kept:
        raise ValueError(
            f"--ood_dir={folder} has no image that can be decoded, of {len(paths)} files "
            "that are taken for images."
        )
    catalog = Catalog(("ood",), {WHOLE: {"ood": kept}}, tuple(bad))
    return Split(catalog, WHOLE, reader, max_megapixels=max_megapixels)


def measure(
    runner: Runner,
    predictions: Predictions,
    scored: Split,
    ood_split: Split,
    run: Catalog | None = None,
) -> dict[str, Any]:
    """Measures how well a model tells OOD images from a split.

    Args:
        runner: The model.
        predictions: Of its predictor for `scored`.
        scored: Images that the model is for.
        ood_split: From `ood_dataset`.
        run: Catalog of the training run, of the same reader, for the scores that compare with
            training images; ignored where these are themselves scored.

    Returns:
        What `metrics.ood.compare` returns; `unreadable`, the number of files; and `neighbours`
        where training images were compared with.

    Raises:
        ValueError: Images of `run` are missing.
    """
    predictor = runner.predictor
    probabilities = runner.run(predictor.predict_batch, ood_split, "Scoring OOD images")
    confidences = [predictions.probabilities.max(axis=1), probabilities.max(axis=1)]
    found = {"confidence": np.concatenate(confidences)}
    more: dict[str, Any] = {"unreadable": len(ood_split.catalog.bad_files)}
    detector = None
    if Path(runner.path).suffix == ".keras" and Path(runner.path).is_file():
        model = inference.load(runner.path)
        detector = inference.read_ood_detector(model)
        train = _train_split(scored, run)
        if train:
            more["neighbours"] = min(ood.NEIGHBOURS, len(train.catalog.paths()))
        found |= _feature_scores(model, runner, [scored, ood_split], train)
    count = len(predictions.labels)
    return more | ood.compare(
        {name: values[:count] for name, values in found.items()},
        {name: values[count:] for name, values in found.items()},
        threshold=predictor.metadata.threshold,
        limit=detector.limit if detector else None,
    )


def _train_split(scored: Split, run: Catalog | None) -> Split | None:
    """Returns the training images to compare with, or None."""
    if run is None or scored.name == "train":
        return None
    chosen = run.only("train").first(TRAINING_IMAGES)
    chosen.require(scored.reader.files_by_class(), "the data, which --ood_dir compares with")
    bad = validation.verify_images(scored.reader, chosen.paths(), scored.max_megapixels)
    return dataclasses.replace(scored, catalog=chosen.without(bad), name="train")


def _feature_scores(
    model: keras.Model, runner: Runner, splits: Sequence[Split], train: Split | None
) -> dict[str, np.ndarray]:
    """Returns `metrics.ood.feature_scores` of all splits, one after the other."""
    raw, metadata = classifier.raw_classifier(model), runner.predictor.metadata
    extractor = inference.feature_extractor(raw, metadata.tta)
    extract = keras_file.predict_batch(extractor, metadata.tta)
    features = [runner.run(extract, split, "Features") for split in splits]
    train_features = None
    if train:
        _, labels = train.examples()
        train_features = runner.run(extract, train, "Features of training"), labels
    kernel, bias = raw.get_layer(classifier.LOGITS).get_weights()
    together = np.concatenate(features).astype(np.float64)
    detector = inference.read_ood_detector(model)
    residual = detector.residual(together) if detector else None
    return ood.feature_scores(
        together, (kernel, bias), metadata.temperature, residual, train_features
    )
