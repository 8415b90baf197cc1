"""Runs a model on pictures of anything else: does it know what it does not know?"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trash_keras import scoring
from trash_keras.contract import Contract
from trash_keras.data import decoding, pipeline, screening
from trash_keras.data.catalog import EXTENSIONS, Catalog, mixing_key
from trash_keras.data.image_files import iter_image_files
from trash_keras.data.stores import FolderStore, Store
from trash_keras.evaluation import novelty, out_of_scope
from trash_keras.evaluation.novelty import Novelty
from trash_keras.evaluation.predictions import Predictions
from trash_keras.modeling import answering, classifier
from trash_keras.predictor import PredictBatch, Predictor, micro_batched


@dataclasses.dataclass(frozen=True)
class Source:
    """Pictures to run a model on.

    Attributes:
        catalog: Which pictures there are; their classes are of no account.
        split: The split of the catalog that counts.
        store: Where they lie.
    """

    catalog: Catalog
    split: str
    store: Store


@dataclasses.dataclass(frozen=True)
class Runner:
    """How pictures become the outputs of a model.

    Attributes:
        contract: Size and resize of the pictures, and the views.
        batch_size: Pictures per step.
        max_megapixels: Most pixels to decode, millions.
    """

    contract: Contract
    batch_size: int = 32
    max_megapixels: float = decoding.MAX_MEGAPIXELS

    def run(self, predict_batch: PredictBatch, source: Source, title: str) -> np.ndarray:
        """Returns float32 [N, outputs], in the order of `Catalog.examples`.

        Args:
            predict_batch: As `Predictor` has it, with any outputs.
            source: N pictures.
            title: What the progress bar says.
        """
        pictures = scoring.pictures_for(
            self.contract, source.catalog, source.split, source.store, self.max_megapixels
        )
        batches = pipeline.evaluation(pictures, self.batch_size)
        predictor = Predictor(predict_batch, self.contract)
        return predictor.predict_batches(batches, len(pictures), title)


def others(folder: str | os.PathLike, max_megapixels: float = decoding.MAX_MEGAPIXELS) -> Source:
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
    return Source(Catalog(("other",), {"all": {"other": kept}}, tuple(bad)), "all", store)


def measure(
    model: str | os.PathLike,
    predictor: Predictor,
    answers: Predictions,
    scored: Source,
    foreign: Source,
    *,
    run: Catalog | None = None,
    batch_size: int = 32,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> dict[str, Any]:
    """Measures how well a model tells pictures of anything else from a split.

    Args:
        model: The file that `predictor` was loaded from; `.keras` has scores of features.
        predictor: Gives the answers, and their threshold.
        answers: Of `predictor` for `scored`.
        scored: Pictures that the model is for.
        foreign: From `others`.
        run: Catalog of the training run in the same store, for the scores that compare with
            training pictures; of no account where these are themselves scored.
        batch_size: Pictures per step.
        max_megapixels: Most pixels to decode, millions.

    Returns:
        See `out_of_scope.compare`, and `unreadable` (files), and `neighbours` where the features
        of training pictures were compared with.

    Raises:
        ValueError: Pictures of `run` are missing.
    """
    runner = Runner(predictor.contract, batch_size, max_megapixels)
    given = runner.run(predictor.predict_batch, foreign, "Scoring others")
    found = {"confidence": np.concatenate([answers.probabilities.max(axis=1), given.max(axis=1)])}
    more: dict[str, Any] = {"unreadable": len(foreign.catalog.bad_files)}
    known = None
    if Path(model).suffix == ".keras" and Path(model).is_file():
        known = answering.read_novelty(model)
        familiar = _familiar(scored, run, max_megapixels)
        if familiar:
            more["neighbours"] = min(out_of_scope.NEIGHBOURS, len(familiar.catalog.paths()))
        found |= _feature_scores(model, runner, [scored, foreign], familiar, known)
    count = len(answers.labels)
    return more | out_of_scope.compare(
        {name: values[:count] for name, values in found.items()},
        {name: values[count:] for name, values in found.items()},
        threshold=predictor.contract.threshold,
        limit=known.limit if known else None,
    )


def _familiar(scored: Source, run: Catalog | None, max_megapixels: float) -> Source | None:
    """Returns the training pictures to compare with, or None."""
    if run is None or scored.split == "train":
        return None
    chosen = run.only("train").first(novelty.TRAINING_PICTURES)
    chosen.require(scored.store.members(), "the data, which --out_of_scope compares with")
    bad = screening.find_bad_files(scored.store, chosen.paths(), max_megapixels)
    return Source(chosen.without(bad), "train", scored.store)


def _feature_scores(
    model: str | os.PathLike,
    runner: Runner,
    sources: Sequence[Source],
    familiar: Source | None,
    known: Novelty | None,
) -> dict[str, np.ndarray]:
    """Returns `out_of_scope.feature_scores` of all sources, one after the other."""
    loaded = keras.models.load_model(model, compile=False)
    views = runner.contract.tta
    extractor = answering.feature_extractor(loaded, views)
    extract = micro_batched(extractor.predict_on_batch, views)
    features = [runner.run(extract, source, "Features") for source in sources]
    train = None
    if familiar:
        _, labels = familiar.catalog.examples(familiar.split)
        train = runner.run(extract, familiar, "What is familiar"), labels
    kernel, bias = loaded.get_layer(classifier.PROBABILITIES).get_weights()
    return out_of_scope.feature_scores(
        np.concatenate(features), (kernel, bias), runner.contract.temperature, known, train
    )
