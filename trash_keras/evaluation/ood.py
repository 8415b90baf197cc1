"""Out-of-distribution (OOD) detection: runs a model on images that it is not for."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.calibration.ood import TRAINING_IMAGES
from trash_keras.data import outliers, pipeline, validation
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
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


def measure(
    runner: Runner,
    predictions: Predictions,
    scored: Split,
    ood_splits: Mapping[str, Split],
    run: Catalog | None = None,
) -> dict[str, Any]:
    """Measures how well a model tells OOD images from a split.

    Args:
        runner: The model.
        predictions: Of its predictor for `scored`.
        scored: Images that the model is for.
        ood_splits: From `outliers.named_splits`.
        run: Catalog of the training run, of the same reader, for the scores that compare with
            training images; ignored where these are themselves scored.

    Returns:
        What `metrics.ood.compare` returns for the images of all folders; `folders`, what
        `metrics.ood.by_folder` returns; `unreadable`, the number of files; and `neighbours` where
        training images were compared with.

    Raises:
        ValueError: Images of `run` are missing, or OOD images are among the scored ones.
    """
    outliers.require_others(ood_splits.values(), scored.reader, scored.examples()[0])
    model = None
    if Path(runner.path).suffix == ".keras" and Path(runner.path).is_file():
        model = inference.load(runner.path)
    train = _train_split(scored, run) if model else None
    splits = [scored, *ood_splits.values()]
    found = _confidence(runner, predictions, splits[1:])
    if model:
        found |= _feature_scores(model, runner, splits, train)
    count, threshold = len(predictions.labels), runner.predictor.metadata.threshold
    inside, outside = (
        {name: values[part] for name, values in found.items()}
        for part in (slice(count), slice(count, None))
    )
    origins = [each for name, split in ood_splits.items() for each in outliers.origins(name, split)]
    detector = inference.read_ood_detector(model) if model else None
    limit = detector.limit if detector else None
    neighbours = min(ood.NEIGHBOURS, len(train.catalog.paths())) if train else None
    return {
        "unreadable": sum(len(split.catalog.bad_files) for split in ood_splits.values()),
        **({"neighbours": neighbours} if neighbours else {}),
        "folders": ood.by_folder(inside, outside, origins, threshold),
        **ood.compare(inside, outside, threshold=threshold, limit=limit),
    }


def _confidence(
    runner: Runner, predictions: Predictions, splits: Sequence[Split]
) -> dict[str, np.ndarray]:
    """Returns the confidence in images of the scored split, then in those of the others."""
    predict = runner.predictor.predict_batch
    others = [runner.run(predict, split, "Scoring OOD images") for split in splits]
    rows = [predictions.probabilities, *others]
    return {"confidence": np.concatenate([each.max(axis=1) for each in rows])}


def _train_split(scored: Split, run: Catalog | None) -> Split | None:
    """Returns the training images to compare with, or None."""
    if run is None or scored.name == (name := run.learned_from()):
        return None
    chosen = run.only(name).first(TRAINING_IMAGES)
    chosen.require(scored.reader.files_by_class(), "the data, which --ood_dir compares with")
    bad = validation.verify_images(scored.reader, chosen.paths(), scored.max_megapixels)
    return dataclasses.replace(scored, catalog=chosen.without(bad), name=name)


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
