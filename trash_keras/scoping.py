"""Runs a model on pictures of anything else: does it know what it does not know?"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras.data import decoding, pipeline, screening
from trash_keras.data.catalog import EXTENSIONS, WHOLE, Catalog, mixing_key
from trash_keras.data.image_files import iter_image_files
from trash_keras.data.split import Split
from trash_keras.data.stores import FolderStore
from trash_keras.evaluation import novelty, out_of_scope
from trash_keras.evaluation.predictions import Predictions
from trash_keras.modeling import answering, classifier
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
        contract = self.predictor.contract
        pictures = pipeline.pictures(split.for_model(contract), cache=False)
        batches = pipeline.evaluation(pictures, self.batch_size)
        return Predictor(predict_batch, contract).predict_batches(batches, len(pictures), title)


def others(folder: str | os.PathLike, max_megapixels: float = decoding.MAX_MEGAPIXELS) -> Split:
    """Lists pictures of anything else; those that cannot be decoded are in `bad_files`.

    Args:
        folder: With pictures in it, or in folders below.
        max_megapixels: Most pixels to decode, millions.

    Raises:
        ValueError: There is no such folder, or no picture in it that can be decoded.
    """
    if not os.path.isdir(folder):  # Path("") is one
        raise ValueError(f"--out_of_scope must be a folder of pictures. Received: {folder}")
    paths = [Path(path).relative_to(folder).as_posix() for path in iter_image_files([str(folder)])]
    paths.sort(key=mixing_key)
    store = FolderStore(folder)
    bad = screening.find_bad_files(store, paths, max_megapixels) if paths else {}
    kept = tuple(path for path in paths if path not in bad)
    if not kept:
        raise ValueError(
            f"--out_of_scope={folder} has no picture that can be decoded, of {len(paths)} files "
            f"ending in {', '.join(EXTENSIONS)}."
        )
    catalog = Catalog(("other",), {WHOLE: {"other": kept}}, tuple(bad))
    return Split(catalog, WHOLE, store, max_megapixels=max_megapixels)


def measure(
    runner: Runner,
    answers: Predictions,
    scored: Split,
    foreign: Split,
    run: Catalog | None = None,
) -> dict[str, Any]:
    """Measures how well a model tells pictures of anything else from a split.

    Args:
        runner: The model.
        answers: Of its predictor for `scored`.
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
    found = {"confidence": np.concatenate([answers.probabilities.max(axis=1), given.max(axis=1)])}
    more: dict[str, Any] = {"unreadable": len(foreign.catalog.bad_files)}
    known = None
    if Path(runner.path).suffix == ".keras" and Path(runner.path).is_file():
        loaded = answering.load(runner.path)
        known = answering.read_novelty(loaded)
        familiar = _familiar(scored, run)
        if familiar:
            more["neighbours"] = min(out_of_scope.NEIGHBOURS, len(familiar.catalog.paths()))
        found |= _feature_scores(loaded, runner, [scored, foreign], familiar)
    count = len(answers.labels)
    return more | out_of_scope.compare(
        {name: values[:count] for name, values in found.items()},
        {name: values[count:] for name, values in found.items()},
        threshold=predictor.contract.threshold,
        limit=known.limit if known else None,
    )


def _familiar(scored: Split, run: Catalog | None) -> Split | None:
    """Returns the training images to compare with, or None."""
    if run is None or scored.name == "train":
        return None
    chosen = run.only("train").first(novelty.TRAINING_PICTURES)
    chosen.require(scored.reader.members(), "the data, which --out_of_scope compares with")
    bad = screening.find_bad_files(scored.reader, chosen.paths(), scored.max_megapixels)
    return dataclasses.replace(scored, catalog=chosen.without(bad), name="train")


def _feature_scores(
    model: keras.Model, runner: Runner, sources: Sequence[Split], familiar: Split | None
) -> dict[str, np.ndarray]:
    """Returns `out_of_scope.feature_scores` of all sources, one after the other."""
    contract = runner.predictor.contract
    raw, views = classifier.raw_classifier(model), contract.tta
    extract = keras_file.predict_batch(answering.feature_extractor(raw, views), views)
    features = [runner.run(extract, source, "Features") for source in sources]
    train = None
    if familiar:
        _, labels = familiar.examples()
        train = runner.run(extract, familiar, "What is familiar"), labels
    kernel, bias = raw.get_layer(classifier.LOGITS).get_weights()
    together, known = np.concatenate(features).astype(np.float64), answering.read_novelty(model)
    novelty_scores = known.of(together) if known else None
    return out_of_scope.feature_scores(
        together, (kernel, bias), contract.temperature, novelty_scores, train
    )
