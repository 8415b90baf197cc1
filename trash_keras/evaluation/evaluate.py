"""Evaluation: a model file on labelled images, the whole report.

Metrics of the images themselves, and on request robustness to corruptions, out-of-distribution
(OOD) detection, and how far saliency maps can be trusted.
"""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from trash_keras.config import DataConfig, make_options
from trash_keras.data import (
    file_roles,
    image_listing,
    known_label_issues,
    label_maps,
    multi_source,
    outliers,
    pipeline,
    split_folders,
    validation,
)
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers import base
from trash_keras.data.readers.base import Reader
from trash_keras.evaluation import explain, ood, score
from trash_keras.evaluation.explain import Explainer
from trash_keras.evaluation.robustness import measure_robustness
from trash_keras.metrics import slices
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import keras_settings
from trash_keras.predictor import BATCH_SIZE, Predictor
from trash_keras.reporting import report
from trash_keras.reporting.content import ReportContent
from trash_keras.storage import local, locks


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """What is scored, and what else is measured.

    Attributes:
        catalog: A run's catalog.json, to score one of its splits. Empty: every image counts.
        split: Split of the catalog: train, valid or test.
        label_map: JSON file of the data's classes and the model's; for several sources one each,
            separated by commas. Empty: they have the same names.
        data_format: As `config.DataConfig` has it; so are `bad_files`, `slices`, `max_megapixels`.
        bad_files: error or skip.
        slices: CSV file of slices to score apart; empty for none.
        audit: audit.json, to mark the errors whose label it doubts; empty for none.
        max_megapixels: Most pixels of an image to decode, millions.
        batch_size: Images per step.
        tta: Views of each image (test-time augmentation), for a `.keras` file; None: the model's.
        threshold: Confidence up to which a prediction is unsure, 0..1; None: the model's.
        trust_model: As for `Predictor.load`.
        robustness: Also score 40 corrupted variants of each image, and 4 of other aspect ratios.
        robustness_images: Images to corrupt; 0: all.
        ood_dir: Folder of out-of-distribution (OOD) images, or several, as
            `outliers.named_splits` takes them, for OOD detection; None: none.
        saliency_check: Images to test saliency maps on, 2 or more; None: none.
    """

    catalog: str | os.PathLike = ""
    split: str = "test"
    label_map: str | os.PathLike = ""
    data_format: str = DataConfig.data_format
    bad_files: str = DataConfig.bad_files
    slices: str | os.PathLike = ""
    audit: str | os.PathLike = ""
    max_megapixels: float = DataConfig.max_megapixels
    batch_size: int = BATCH_SIZE
    tta: int | None = None
    threshold: float | None = None
    trust_model: bool = False
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


@keras_settings.settled()
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
        data_dir: Class folders, shards (`data_format`), or tfds:NAME; several sources, separated
            by commas, are reported one by one, too.
        output: Folder for report.json, report.html and figures; None writes nothing.
        command: The command line, for the report.
        **options: Fields of `EvaluationOptions`.

    Returns:
        The report: a part for what was scored, named after the split, `all` without a catalog,
        with `accuracy`, `loss`, `per_class` and more, as `Predictions.score` returns them;
        `class_names`, `bad_files`, `passed_over`, `answering` and `run`; and what else was
        requested.

    Raises:
        ImportError: The runtime of the model is not installed.
        ValueError: Model, data and options do not fit, or another process writes to `output`.
    """
    settings = make_options(EvaluationOptions, options)
    local.require_folder("output", output or "")
    with locks.hold("output", output), pipeline.naming_images():
        return _evaluate(model, data_dir, output, command, settings)


def _evaluate(
    model: str | os.PathLike,
    data_dir: str | os.PathLike,
    output: str | os.PathLike | None,
    command: str,
    settings: EvaluationOptions,
) -> dict[str, Any]:
    limit = settings.max_megapixels
    explainer = explain.find(model, required=settings.saliency_check is not None)
    predictor = Predictor.load(model, settings.tta, trust_model=settings.trust_model)
    predictor = predictor.with_threshold(settings.threshold)
    # A wrong folder is an error before the images are scored, which may take long.
    ood_splits = {} if settings.ood_dir is None else outliers.named_splits(settings.ood_dir, limit)
    reader = base.open_reader(data_dir, settings.data_format)
    scored, details = _choose(settings, os.fspath(data_dir), reader, predictor.class_names)
    slice_of = slices.load(os.fspath(settings.slices), scored.catalog.paths())
    predictions = score.predict_split(predictor, scored, batch_size=settings.batch_size)
    read_images = functools.partial(base.read_images, reader)
    details["answering"] = predictor.metadata.inference_settings()
    details["run"] = report.provenance(command, data_dir) | {"model": PurePath(model).name}
    runner = ood.Runner(model, predictor, settings.batch_size)
    details |= _more(settings, _Scored(runner, scored, predictions), explainer, ood_splits)
    found = {scored.name: predictions}
    source_of = scored.catalog.source_of()
    if output is None:
        return report.build(found, details, slice_of, source_of)
    explained = explain.explain_errors(explainer, predictions, read_images, limit)
    content = ReportContent(found, scored.catalog.counts(), read_images, heat_maps=explained)
    return report.write(output, content, details, slice_of, source_of)


def _choose(
    settings: EvaluationOptions, data_dir: str, reader: Reader, class_names: Sequence[str]
) -> tuple[Split, dict[str, Any]]:
    """Returns the images to score, and what the report says of them."""
    if settings.catalog:
        file_roles.require("catalog", settings.catalog)
    members, passed = reader.files_by_class(), reader.passed_over()
    image_listing.tell(passed, data_dir)
    split = settings.scored_split()
    details: dict[str, Any] = {"passed_over": image_listing.summary(passed)}
    label_map = os.fspath(settings.label_map)
    whole = Catalog.load(settings.catalog) if settings.catalog else None
    if whole:
        images, mapped = whole.only(split), dict[str, Any]()
        images.require(members, data_dir)
        if label_map and images.sources:
            raise ValueError(
                "The catalog of several sources has the classes of the model already. Leave out "
                "--label_map."
            )
        if label_map:
            images, mapped = label_maps.apply(label_maps.read(label_map, class_names), images)
    else:
        sources = multi_source.open_sources(data_dir, label_map, reader, class_names)
        if not (label_map or set(members) <= set(class_names)):
            multi_source.require_class_folders(sources, split_folders.NAME_ONE)
        images, mapped = multi_source.whole(sources)
    if mapped:
        details["label_map"] = mapped
    images = validation.keep_decodable(images, reader, settings.bad_files, settings.max_megapixels)
    details["bad_files"] = list(images.bad_files)
    # The catalog knows training images, too, but not the classes of a label map.
    known = whole if whole and not mapped else images
    details["label_issues"] = known_label_issues.find(known, settings.audit)
    scored = Split(images, split, reader, max_megapixels=settings.max_megapixels)
    return scored, details


@dataclasses.dataclass(frozen=True)
class _Scored:
    """A model, and what it predicted for the images of a split."""

    runner: ood.Runner
    split: Split
    predictions: Predictions


def _more(
    settings: EvaluationOptions,
    scored: _Scored,
    explainer: Explainer | None,
    ood_splits: Mapping[str, Split],
) -> dict[str, Any]:
    """Measures on request what goes beyond the scores."""
    split, details = scored.split, {}
    if explainer and settings.saliency_check:
        details["explanations"] = explain.saliency_faithfulness(
            explainer, scored.predictions, functools.partial(base.read_images, split.reader),
            settings.saliency_check, split.max_megapixels,
        )  # fmt: skip
    if settings.robustness:
        some = split.catalog.stratified_sample(split.name, settings.robustness_images)
        details["robustness"] = measure_robustness(
            scored.runner.predictor, dataclasses.replace(split, catalog=some), scored.predictions,
            batch_size=settings.batch_size,
        )  # fmt: skip
    if ood_splits:
        run = Catalog.load(settings.catalog) if settings.catalog else None
        details["out_of_scope"] = ood.measure(
            scored.runner, scored.predictions, split, ood_splits, run
        )
    return details
