"""train_and_evaluate: transfer learning in named stages, which a second call resumes.

Prepare the data, train the head, fine-tune, calibrate, evaluate, report.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trash_keras.config import AUTO, Config, TrackingConfig
from trash_keras.data import image_listing, pipeline
from trash_keras.data.catalog import SPLITS
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import read_images
from trash_keras.evaluation import explain, score
from trash_keras.host import cluster
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import report_file
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier, keras_settings
from trash_keras.models.inference import build_inference_model, save
from trash_keras.reporting import report
from trash_keras.reporting.content import ReportContent
from trash_keras.storage import checksums, local, locks, remote
from trash_keras.tracking.fingerprint import dataset_fingerprint
from trash_keras.tracking.trackers import Tracker, open_trackers
from trash_keras.training import (
    batch_size,
    calibrate,
    devices,
    distillation,
    features,
    kept_features,
    outlier_exposure,
    progress,
    resume,
    run_data,
    stages,
    workers,
)
from trash_keras.training.calibrate import Calibrated, HeldOut
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.distillation import DistillationTargets
from trash_keras.training.run import Run, begin, build, look_at, open_devices
from trash_keras.training.stages import Recipe, RunData, Source

MODEL = "model.keras"


@keras_settings.settled()
def train_and_evaluate(
    config: Config, workdir: str | Path, command: str = "", splits: Sequence[str] = SPLITS
) -> dict[str, Any]:
    """Trains a classifier, or resumes where an earlier call stopped, and reports on it.

    Args:
        config: The run.
        workdir: Folder for everything that the run writes.
        command: The command line, for the report.
        splits: What to score: `test`, and any of `train` and `valid`.

    Returns:
        The content of `report.json`.

    Raises:
        ValueError: Data, backbone, weights, devices or workdir do not fit the configuration,
            training diverged, the run is complete and there are new images, another process is at
            work in the workdir, or one of several workers is gone.
    """
    local.require_folder("workdir", workdir)
    local.require_folder("profile", config.tracking.profile)
    if not cluster.read().is_chief:
        config = dataclasses.replace(config, tracking=TrackingConfig())
    with workers.folder_of_its_own(workdir) as folder, locks.hold("workdir", folder):
        config = batch_size.resolved(config, folder)
        with (
            workers.telling_of_losses(),
            pipeline.naming_images(),
            devices.telling_of_memory(config.data.batch_size),
        ):
            return _train_and_evaluate(config, folder, command, splits)


def _train_and_evaluate(
    config: Config, workdir: Path, command: str, splits: Sequence[str]
) -> dict[str, Any]:
    if cluster.read().is_several:  # first: what is there already decides what they do
        workers.share_state(open_devices(config), workdir)
    resume.check(config, workdir)
    stages.plan(config.training, config.model)
    if is_complete(workdir):
        resume.require_nothing_new(config, workdir, "report.html")
        resume.note_place(config, workdir)
        print(f"This run is complete: {workdir / 'report.html'}", flush=True)
        return report_file.read_report(workdir)

    strategy = open_devices(config)
    run = look_at(config, workdir, strategy)
    workers.require_same(strategy, run.facts())
    with strategy.scope():
        model = build(run)
    begin(run)
    data = _prepare_data(run, strategy)
    describe_data = functools.partial(dataset_fingerprint, run.catalog, run.reader)
    with open_trackers(config, workdir, describe_data) as trackers:
        with strategy.scope():
            checkpoints = _train(run, data, model, [tracker.callback() for tracker in trackers])
        if not cluster.read().is_chief:
            return workers.shared(strategy, {})
        calibrated = _calibrate(run, data, checkpoints)
        predictions = _evaluate(run, data, calibrated, splits)
        details = _details(run, calibrated, checkpoints, command)
        # Before the trackers close, which may wait for uploads.
        result = _report(run, calibrated, predictions, details, checkpoints.rows, trackers)
    local.remove(workdir / "backup")
    return workers.shared(strategy, result)


def is_complete(workdir: Path) -> bool:
    """Returns whether a run is complete: its report is what it writes last."""
    return (workdir / "report.json").exists()


@keras_settings.settled()
def check(config: Config) -> None:
    """Checks devices, backbone and phases, for callers that write before they train.

    Raises:
        ValueError: `train_and_evaluate` would not accept them.
    """
    if config.data.batch_size == AUTO:
        raise ValueError("--batch_size=auto is for train. Name a number, as `train` finds it.")
    stages.plan(config.training, config.model)
    open_devices(config)
    classifier.create(config.model, ("",), config.data.image_size)


def _prepare_data(run: Run, strategy: tf.distribute.Strategy) -> RunData:
    data, side = run.config.data, distillation.view_size(run.teachers, run.config)
    images = run_data.images(data, run.catalog, run.reader, side, run.decoded)
    if run.others:
        images[stages.OTHER] = outlier_exposure.images(data, run.others)
    print(
        f"{strategy.num_replicas_in_sync} device(s), {run.precision}; images: "
        + ", ".join(f"{name} {len(images[name])}" for name in images if name != "views"),
        flush=True,
    )
    weights = None
    if run.catalog.sources:
        method = run.config.training.source_weights
        weights = pipeline.example_weights(run.catalog, _class_weight(run), method)
    return RunData(run.catalog, images, data.batch_size, run_data.augment(run.config), weights)


def _class_weight(run: Run) -> dict[int, float] | None:
    balanced = run.config.training.class_weights == "balanced"
    return pipeline.class_weights(run.catalog.counts()["train"]) if balanced else None


def _train(
    run: Run, data: RunData, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> CheckpointManager:
    """Trains phase after phase; the best epoch by validation is then in `model.keras`."""
    config = run.config
    side, resize = config.data.image_size, config.data.resize
    metadata = ModelMetadata(run.catalog.class_names, side, resize, tta=config.answering.tta)
    save_best = functools.partial(save_model, model, metadata, run.workdir)
    checkpoints = CheckpointManager(run.workdir, save_best)
    planned = stages.plan(config.training, config.model)
    recipe = Recipe(
        config.training,
        config.runtime.seed,
        data.batch_size,
        None if data.weights is not None else _class_weight(run),
        [*callbacks, progress.EpochLines(planned, checkpoints)],
        config.tracking.profile,
        config.runtime.steps_per_execution,
    )
    targets = _distillation_targets(run, data)
    for phase in planned:
        if checkpoints.is_past(phase.name):
            continue
        if phase.name == stages.HEAD:
            source = _features(run, data, model)
            stages.fit(phase, classifier.head(model), source, recipe, checkpoints)
        else:
            trained = _unfreeze(run, phase.name, model)
            source = stages.image_source(data, side, targets.mix if targets else None)
            stages.fit(phase, trained, source, recipe, checkpoints)
    if not planned:  # a model of --init, to be calibrated and scored as it is
        save_best()
    return checkpoints


def _distillation_targets(run: Run, data: RunData) -> DistillationTargets | None:
    if not run.teachers:
        return None
    locations = run.reader.locations(run.catalog.examples("train")[0])
    size = distillation.view_size(run.teachers, run.config)
    folders = {
        distillation.predictions_folder(teacher, run.config, run.workdir, locations, size): teacher
        for teacher in run.teachers
    }
    return DistillationTargets(folders, run.config, data.images["views"], data.augment)


def _features(run: Run, data: RunData, model: keras.Model) -> Source:
    """Returns what the head trains on: the frozen backbone's features."""
    cache = features.Cache(run.workdir / workers.FEATURES, run.config.data.cache_megabytes)
    extractor = classifier.feature_extractor(model)
    return stages.feature_source(extractor, data, run.config.training.head_views, cache)


def _unfreeze(run: Run, phase: str, model: keras.Model) -> keras.Model:
    """Returns the model to train in a phase, with the same variables."""
    if phase == stages.SCRATCH:
        classifier.cap_batch_norm_momentum(model)
        return model
    return classifier.unfreeze(model, run.config.training.unfreeze_fraction)


def save_model(model: keras.Model, metadata: ModelMetadata, workdir: Path) -> None:
    """Writes WORKDIR/model.keras: the inference model, float32 whatever it trained in.

    Args:
        model: The classifier in training.
        metadata: Goes into the file; the model takes only its views from it, since nothing is
            calibrated yet.
        workdir: Folder of the run.
    """
    inference = build_inference_model(classifier.in_float32(model), views=metadata.tta)
    save(inference, metadata, workdir / MODEL)


def _calibrate(run: Run, data: RunData, checkpoints: CheckpointManager) -> Calibrated:
    labels = {split: run.catalog.examples(split)[1] for split in ("train", "valid")}
    settings, size = run.config.answering, data.batch_size
    images = {**data.images, **_known_features(run, checkpoints)}
    calibrated = calibrate.calibrate(
        run.workdir / MODEL, settings, images, labels["valid"], size, run.pooled
    )
    kept = kept_features.of_run(run.catalog.class_names, calibrated.features, labels)
    kept.save(run.workdir / kept_features.FILE)
    return calibrated


def _known_features(run: Run, checkpoints: CheckpointManager) -> dict[str, np.ndarray]:
    """Returns those features of the head phase that `model.keras` has for the same images."""
    training = run.config.training
    if (
        not checkpoints.rows
        or checkpoints.best()["phase"] != stages.HEAD  # else the backbone is another
        or run.config.answering.tta > 1
        or run.precision != "float32"
    ):
        return {}
    names = ("valid",) if training.head_views else ("train", "valid")
    files = {name: run.workdir / workers.FEATURES / f"{name}.npy" for name in names}
    return {
        name: np.load(file, mmap_mode="r")
        for name, file in files.items()
        if checksums.is_whole(file)
    }


def _evaluate(
    run: Run, data: RunData, calibrated: Calibrated, splits: Sequence[str]
) -> dict[str, Predictions]:
    """Scores the model just written to `model.keras`: what is reported is what is shipped.

    Images whose features it was calibrated on do not run through the network again.
    """
    predictor, names = calibrated.predictor(), calibrated.metadata.class_names
    found = {}
    for split in splits:
        paths, labels = run.catalog.examples(split)
        features = calibrated.features.get(split, np.empty(0))
        if len(features) == len(paths):
            images = HeldOut.of(calibrated.classifier, features, labels)
            probabilities = calibrated.probabilities(images).astype(np.float32)
            found[split] = Predictions(names, paths, labels, probabilities)
        else:
            found[split] = score.predict_split(
                predictor,
                Split(run.catalog, split, run.reader),
                batch_size=data.batch_size,
                images=data.images[split],
            )
    return found


def _details(
    run: Run, calibrated: Calibrated, checkpoints: CheckpointManager, command: str
) -> dict[str, Any]:
    """Returns what belongs in the report besides figures and predictions."""
    about: dict[str, Any] = {}
    if checkpoints.rows:
        best = checkpoints.best()
        about |= {"best_epoch": best["epoch"], "best_phase": best["phase"]}
    about["training_minutes"] = round(sum(row["seconds"] for row in checkpoints.rows) / 60, 2)
    about |= report.provenance(command, run.config.data.data_dir)
    about["precision"] = run.precision
    if run.others:
        about["other_images"] = len(run.others.examples()[0])
    if run.teachers:
        about["teacher_sha256"] = [teacher.sha256 for teacher in run.teachers]
    if run.config.model.init:
        about["init_sha256"] = remote.checksum(run.kept_init)
    return {
        "answering": calibrated.metadata.inference_settings(),
        "risk_control": calibrated.risk.to_dict(),
        "label_issues": run.label_issues,
        "bad_files": list(run.catalog.bad_files),
        "passed_over": image_listing.summary(run.reader.passed_over()),
        "config": run.config.to_dict(),
        "run": about,
    }


def _report(
    run: Run,
    calibrated: Calibrated,
    predictions: dict[str, Predictions],
    details: dict[str, Any],
    epochs: list[dict[str, Any]],
    trackers: Sequence[Tracker],
) -> dict[str, Any]:
    read = functools.partial(read_images, run.reader)
    explained = explain.explain_errors(
        calibrated.explainer(), predictions["test"], read, run.config.data.max_megapixels
    )
    for tracker in trackers:
        tracker.evaluation(predictions, read, explained)
    content = ReportContent(predictions, run.catalog.counts(), read, epochs, explained)
    return report.write(run.workdir, content, details, run.slice_of, run.catalog.source_of())
