"""Runs a model on images of anything else: does it know what it does not know?"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.calibration.ood import TRAINING_IMAGES
from trash_keras.data import decoding, pipeline, validation
from trash_keras.data.catalog import EXTENSIONS, WHOLE, Catalog, shuffle_key
from trash_keras.data.image_files import iter_image_files
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.metrics import ood
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier, inference
from trash_keras.predictor import PredictBatch, Predictor
from trash_keras.runtimes import keras_file


@dataclasses.dataclass(frozen=True)
class Runner:
    """A model, and how images become its outputs.

    Attributes:
        path: The file that `predictor` was loaded from; `.keras` has scores of features.
        predictor: Its predictions, with their threshold; and the form of its images.
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
    """Lists images of anything else; those that cannot be decoded are in `bad_files`.

    Args:
        folder: With images in it, or in folders below.
        max_megapixels: Most pixels to decode, millions.

    Raises:
        ValueError: There is no such folder, or no image in it that can be decoded.
    """
    if not os.path.isdir(folder):  # Path("") is one
        raise ValueError(f"--ood_dir must be a folder of images. Received: {folder}")
    paths = [Path(path).relative_to(folder).as_posix() for path in iter_image_files([str(folder)])]
    paths.sort(key=shuffle_key)
    reader = FolderReader(folder)
    bad = validation.verify_images(reader, paths, max_megapixels) if paths else {}
    kept = tuple(path for path in paths if path not in bad)
    if not kept:
        raise ValueError(
            f"--ood_dir={folder} has no image that can be decoded, of {len(paths)} files "
            f"ending in {', '.join(EXTENSIONS)}."
        )
    catalog = Catalog(("other",), {WHOLE: {"other": kept}}, tuple(bad))
    return Split(catalog, WHOLE, reader, max_megapixels=max_megapixels)


def measure(
    runner: Runner,
    predictions: Predictions,
    scored: Split,
    foreign: Split,
    run: Catalog | None = None,
) -> dict[str, Any]:
    """Measures how well a model tells images of anything else from a split.

    Args:
        runner: The model.
        predictions: Of its predictor for `scored`.
        scored: Images that the model is for.
        foreign: From `others`.
        run: Catalog of the training run in the same store, for the scores that compare with
            training images; of no account where these are themselves scored.

    Returns:
        See `out_of_scope.compare`, and `unreadable` (files), and `neighbours` where the features
        of training images were compared with.

    Raises:
        ValueError: Images of `run` are missing.
    """
    predictor = runner.predictor
    given = runner.run(predictor.predict_batch, foreign, "Scoring others")
    found = {
        "confidence": np.concatenate([predictions.probabilities.max(axis=1), given.max(axis=1)])
    }
    more: dict[str, Any] = {"unreadable": len(foreign.catalog.bad_files)}
    known = None
    if Path(runner.path).suffix == ".keras" and Path(runner.path).is_file():
        model = inference.load(runner.path)
        known = inference.read_ood_detector(model)
        familiar = _familiar(scored, run)
        if familiar:
            more["neighbours"] = min(ood.NEIGHBOURS, len(familiar.catalog.paths()))
        found |= _feature_scores(model, runner, [scored, foreign], familiar)
    count = len(predictions.labels)
    return more | ood.compare(
        {name: values[:count] for name, values in found.items()},
        {name: values[count:] for name, values in found.items()},
        threshold=predictor.metadata.threshold,
        limit=known.limit if known else None,
    )


def _familiar(scored: Split, run: Catalog | None) -> Split | None:
    """Returns the training images to compare with, or None."""
    if run is None or scored.name == "train":
        return None
    chosen = run.only("train").first(TRAINING_IMAGES)
    chosen.require(scored.reader.files_by_class(), "the data, which --ood_dir compares with")
    bad = validation.verify_images(scored.reader, chosen.paths(), scored.max_megapixels)
    return dataclasses.replace(scored, catalog=chosen.without(bad), name="train")


def _feature_scores(
    model: keras.Model, runner: Runner, sources: Sequence[Split], familiar: Split | None
) -> dict[str, np.ndarray]:
    """Returns `out_of_scope.feature_scores` of all sources, one after the other."""
    raw, metadata = classifier.raw_classifier(model), runner.predictor.metadata
    extractor = inference.feature_extractor(raw, metadata.tta)
    extract = keras_file.predict_batch(extractor, metadata.tta)
    features = [runner.run(extract, source, "Features") for source in sources]
    train = None
    if familiar:
        _, labels = familiar.examples()
        train = runner.run(extract, familiar, "What is familiar"), labels
    kernel, bias = raw.get_layer(classifier.LOGITS).get_weights()
    together = np.concatenate(features).astype(np.float64)
    known = inference.read_ood_detector(model)
    novelty_scores = known.of(together) if known else None
    return ood.feature_scores(together, (kernel, bias), metadata.temperature, novelty_scores, train)
