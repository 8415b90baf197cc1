"""Evaluation: a model file on labelled images, the whole report.

What each part measures stands with it: metrics of the images themselves, robustness to
corruptions, out-of-distribution detection, and how far saliency maps can be trusted.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any

from trash_keras import corrupted_answers, explaining, scoping, scoring
from trash_keras.config import DataConfig, make_options
from trash_keras.data import label_maps, screening, stores
from trash_keras.data.catalog import Catalog, whole
from trash_keras.data.stores import Store
from trash_keras.evaluation import publishing, subsets
from trash_keras.evaluation.predictions import Predictions
from trash_keras.explaining import Explainer
from trash_keras.predictor import BATCH_SIZE, Predictor
from trash_keras.scoping import Source


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """What is scored, and what else is measured.

    Attributes:
        catalog: A run's catalog.json, to score one of its splits. Empty: every image counts.
        split: Split of the catalog: train, valid or test.
        label_map: JSON file of the data's classes and the model's. Empty: they have the same names.
        data_format: As `config.DataConfig` has it; so are `bad_files`, `slices`, `max_megapixels`.
        bad_files: error or skip.
        slices: CSV file of slices to score apart; empty for none.
        max_megapixels: Most pixels of an image to decode, millions.
        batch_size: Images per step.
        tta: Views of each image (test-time augmentation), for a `.keras` file; None: the model's.
        threshold: Confidence up to which a prediction is unsure, 0..1; None: the model's.
        robustness: Also score corrupted images: 40 variants of each.
        robustness_images: Images to corrupt; 0: all.
        ood_dir: Folder of images of anything else, for out-of-distribution detection; or None.
        saliency_check: Images to test saliency maps on, 2 or more; None: none.
    """

    catalog: str | os.PathLike = ""
    split: str = "test"
    label_map: str | os.PathLike = ""
    data_format: str = DataConfig.data_format
    bad_files: str = DataConfig.bad_files
    slices: str | os.PathLike = ""
    max_megapixels: float = DataConfig.max_megapixels
    batch_size: int = BATCH_SIZE
    tta: int | None = None
    threshold: float | None = None
    robustness: bool = False
    robustness_images: int = 0
    ood_dir: str | os.PathLike | None = None
    saliency_check: int | None = None

    def __post_init__(self) -> None:
        DataConfig(  # which knows what is allowed
            data_format=self.data_format, bad_files=self.bad_files,
            max_megapixels=self.max_megapixels, batch_size=self.batch_size,
        )  # fmt: skip
        if self.robustness_images and not self.robustness:
            raise ValueError("--robustness_images changes nothing without --robustness.")

    def scored_split(self) -> str:
        """Returns the name of what is scored in the report: of the split, or `all`."""
        return self.split if self.catalog else "all"


def evaluate(
    model: str | os.PathLike,
    data_dir: str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    command: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Scores a model on labelled images.

        import trash_keras as tk
        report = tk.evaluate("runs/mine/model.keras", "my-images")
        report["all"]["accuracy"]

    Args:
        model: A `.keras`, `.tflite` or `.onnx` file or a SavedModel folder.
        data_dir: Class folders, shards (`data_format`), or tfds:NAME.
        output: Folder for report.json, report.html and figures; None writes nothing.
        command: The command line, for the report.
        **options: Fields of `EvaluationOptions`.

    Returns:
        The report: a part for what was scored, named after the split, `all` without a catalog,
        with `accuracy`, `loss`, `per_class` and more as `report.score` returns them; `class_names`,
        `bad_files`, `answering` and `run`; and what else was asked for.

    Raises:
        ImportError: The runtime of the model is not installed.
        ValueError: Model, data and options do not fit.
    """
    settings = make_options(EvaluationOptions, options)
    limit = settings.max_megapixels
    explainer = explaining.find(model, required=settings.saliency_check is not None)
    predictor = Predictor.load(model, settings.tta).with_threshold(settings.threshold)
    # Before the images are scored, which may take long.
    foreign = None if settings.ood_dir is None else scoping.others(settings.ood_dir, limit)
    store = stores.open_store(data_dir, settings.data_format)
    scored, details = _choose(settings, os.fspath(data_dir), store, predictor.class_names)
    subset_of = subsets.load(os.fspath(settings.slices), scored.catalog.paths())
    answers = scoring.answers(
        predictor, scored.catalog, scored.split, store,
        batch_size=settings.batch_size, max_megapixels=limit,
    )  # fmt: skip
    read = functools.partial(stores.read_pictures, store)
    details["answering"] = predictor.contract.answering()
    details["run"] = publishing.provenance(command, data_dir)
    details |= _more(settings, _Scored(model, predictor, scored, answers), explainer, foreign)
    found = {scored.split: answers}
    if output is None:
        return publishing.build(found, details, subset_of)
    return publishing.publish(
        output,
        found,
        details,
        counts=scored.catalog.counts(),
        read_pictures=read,
        explained=explaining.of_mistakes(explainer, answers, read, limit),
        subset_of=subset_of,
    )


def _choose(
    settings: EvaluationOptions, data_dir: str, store: Store, class_names: Sequence[str]
) -> tuple[Source, dict[str, Any]]:
    """Returns the images to score, and what the report says of them."""
    members = store.members()
    split = settings.scored_split()
    pictures = (Catalog.load(settings.catalog) if settings.catalog else whole(members)).only(split)
    pictures.require(members, data_dir)
    details: dict[str, Any] = {}
    if settings.label_map:
        label_map = label_maps.read(settings.label_map, class_names)
        pictures, details["label_map"] = label_maps.apply(label_map, pictures)
    pictures = screening.keep_decodable(
        pictures, store, settings.bad_files, settings.max_megapixels
    )
    details["bad_files"] = list(pictures.bad_files)
    return Source(pictures, split, store), details


@dataclasses.dataclass(frozen=True)
class _Scored:
    """A model file, loaded too, and what it predicted for the images of a source."""

    model: str | os.PathLike
    predictor: Predictor
    source: Source
    answers: Predictions


def _more(
    settings: EvaluationOptions,
    scored: _Scored,
    explainer: Explainer | None,
    foreign: Source | None,
) -> dict[str, Any]:
    """Measures what goes beyond the scores, as far as it is asked for."""
    source, details = scored.source, {}
    limits: dict[str, Any] = {
        "batch_size": settings.batch_size, "max_megapixels": settings.max_megapixels
    }  # fmt: skip
    if explainer and settings.saliency_check:
        details["explanations"] = explaining.check(
            explainer, scored.answers, functools.partial(stores.read_pictures, source.store),
            settings.saliency_check, settings.max_megapixels,
        )  # fmt: skip
    if settings.robustness:
        some = source.catalog.share(source.split, settings.robustness_images)
        details["robustness"] = corrupted_answers.score(
            scored.predictor, some, source.split, source.store, scored.answers, **limits
        )
    if foreign:
        run = Catalog.load(settings.catalog) if settings.catalog else None
        details["out_of_scope"] = scoping.measure(
            scored.model, scored.predictor, scored.answers, source, foreign, run=run, **limits
        )
    return details
