"""train_and_evaluate: prepare, head, fine-tuning, calibration, evaluation, report; resumes."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trash_keras import config as configuration
from trash_keras import explaining, files, scoring, storage
from trash_keras.config import Config
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.data.catalog import SPLITS
from trash_keras.data.split import Split
from trash_keras.data.stores import read_pictures
from trash_keras.evaluation import publishing
from trash_keras.evaluation.predictions import Predictions
from trash_keras.metrics import report_file
from trash_keras.modeling import classifier
from trash_keras.modeling.answering import build_inference_model, save
from trash_keras.reporting.content import ReportContent
from trash_keras.tracking.fingerprint import dataset_fingerprint
from trash_keras.tracking.trackers import Tracker, open_trackers
from trash_keras.training import answering, features, inputs, lessons, phases
from trash_keras.training.answering import Calibrated
from trash_keras.training.lessons import Lessons
from trash_keras.training.phases import Recipe, RunData, Source
from trash_keras.training.record import Record
from trash_keras.training.run import Run, begin, build, look_at, open_devices

MODEL = "model.keras"


def train_and_evaluate(
    config: Config, workdir: str | Path, command: str = "", splits: Sequence[str] = SPLITS
) -> dict[str, Any]:
    """Trains a classifier, or goes on where an earlier call stopped, and reports on it.

    Args:
        config: The run.
        workdir: Folder for everything that the run writes.
        command: The command line, for the report.
        splits: What is scored: `test`, and of the others what is asked for.

    Returns:
        The content of `report.json`.

    Raises:
        ValueError: Data, backbone, weights, devices or workdir do not fit the configuration, or
            training diverged.
    """
    workdir = Path(workdir)
    configuration.check_workdir(config, workdir)
    phases.plan(config.training, config.model)
    if is_complete(workdir):
        print(f"This run is complete: {workdir / 'report.html'}", flush=True)
        return report_file.read_report(workdir)

    strategy = open_devices(config)
    run = look_at(config, workdir, strategy)
    with strategy.scope():
        model = build(run)
    begin(run)
    data = _prepare_data(run, strategy)
    describe_data = functools.partial(dataset_fingerprint, run.catalog, run.store)
    with open_trackers(config, workdir, describe_data) as trackers:
        with strategy.scope():
            record = _train(run, data, model, [tracker.callback() for tracker in trackers])
        calibrated = _calibrate(run, data)
        predictions = _evaluate(run, data, calibrated, splits)
        details = _details(run, calibrated.contract, record, command)
        # Before the trackers close, which may wait for uploads.
        result = _report(run, calibrated, predictions, details, record, trackers)
    files.remove(workdir / "backup")
    return result


def is_complete(workdir: Path) -> bool:
    """Returns whether a run has come to its end: its report is what it writes last."""
    return (workdir / "report.json").exists()


def check(config: Config) -> None:
    """Looks at devices, backbone and phases, for callers that write before they train.

    Raises:
        ValueError: `train_and_evaluate` would not accept them either.
    """
    phases.plan(config.training, config.model)
    open_devices(config)
    classifier.create(config.model, ("",), config.data.image_size)


def _prepare_data(run: Run, strategy: tf.distribute.Strategy) -> RunData:
    data, side = run.config.data, lessons.view_size(run.taught_by, run.config)
    images = inputs.pictures(data, run.catalog, run.store, side)
    print(
        f"{strategy.num_replicas_in_sync} device(s), {run.precision}; images: "
        + ", ".join(f"{split} {len(images[split])}" for split in SPLITS),
        flush=True,
    )
    return RunData(run.catalog, images, data.batch_size, inputs.augment(run.config))


def _train(
    run: Run, data: RunData, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]
) -> Record:
    """Trains phase after phase; the best epoch by validation is then in `model.keras`."""
    config = run.config
    side, resize = config.data.image_size, config.data.resize
    contract = Contract(run.catalog.class_names, side, resize, tta=config.answering.tta)
    save_best = functools.partial(save_model, model, contract, run.workdir)
    record = Record(run.workdir, save_best)
    balanced = config.training.class_weights == "balanced"
    recipe = Recipe(
        config.training,
        config.runtime.seed,
        data.batch_size,
        pipeline.class_weights(run.catalog.counts()["train"]) if balanced else None,
        callbacks,
    )
    taught = _lessons(run, data)
    planned = phases.plan(config.training, config.model)
    for phase in planned:
        if record.is_past(phase.name):
            continue
        if phase.name == phases.HEAD:
            phases.fit(phase, classifier.head(model), _features(run, data, model), recipe, record)
        else:
            _unfreeze(run, phase.name, model)
            source = phases.picture_source(data, side, taught.soften if taught else None)
            phases.fit(phase, model, source, recipe, record)
    if not planned:  # a model of --init, to be calibrated and scored as it is
        save_best()
    return record


def _lessons(run: Run, data: RunData) -> Lessons | None:
    if not run.taught_by:
        return None
    locations = run.store.locations(run.catalog.examples("train")[0])
    size = lessons.view_size(run.taught_by, run.config)
    answered = {
        lessons.answers_folder(teacher, run.config, run.workdir, locations, size): teacher
        for teacher in run.taught_by
    }
    return Lessons(answered, run.config, data.images["views"], data.augment)


def _features(run: Run, data: RunData, model: keras.Model) -> Source:
    """Returns what the head trains on: the frozen backbone's features."""
    folder = run.workdir / "backup" / "features"
    cache = features.Cache(folder, run.config.data.cache_megabytes)
    extractor = classifier.feature_extractor(model)
    return phases.feature_source(extractor, data, run.config.training.head_augment, cache)


def _unfreeze(run: Run, phase: str, model: keras.Model) -> None:
    if phase == phases.SCRATCH:
        classifier.quicken_batch_norm(model)
    else:
        classifier.unfreeze(model, run.config.training.finetune_layers)


def save_model(model: keras.Model, contract: Contract, workdir: Path) -> None:
    """Writes WORKDIR/model.keras: the inference model, float32 whatever it trained in.

    Args:
        model: The classifier in training.
        contract: Goes into the file; only its views count, since nothing is calibrated yet.
        workdir: Folder of the run.
    """
    inference = build_inference_model(classifier.in_float32(model), views=contract.tta)
    save(inference, contract, workdir / MODEL)


def _calibrate(run: Run, data: RunData) -> Calibrated:
    labels = run.catalog.examples("valid")[1]
    return answering.settle(
        run.workdir / MODEL, run.config.answering, data.images, labels, data.batch_size
    )


def _evaluate(
    run: Run, data: RunData, calibrated: Calibrated, splits: Sequence[str]
) -> dict[str, Predictions]:
    """Scores the model that was just written to `model.keras`: what is reported is shipped."""
    predictor = calibrated.predictor()
    return {
        name: scoring.answers(
            predictor,
            Split(run.catalog, name, run.store),
            batch_size=data.batch_size,
            pictures=data.images[name],
        )
        for name in splits
    }


def _details(run: Run, contract: Contract, record: Record, command: str) -> dict[str, Any]:
    """Returns what belongs in the report beside figures and predictions."""
    about: dict[str, Any] = {}
    if record.rows:
        best = record.best()
        about |= {"best_epoch": best["epoch"], "best_phase": best["phase"]}
    about["training_minutes"] = round(sum(row["seconds"] for row in record.rows) / 60, 2)
    about |= publishing.provenance(command, run.config.data.data_dir)
    about["precision"] = run.precision
    if run.taught_by:
        about["teacher_sha256"] = [teacher.sha256 for teacher in run.taught_by]
    if run.config.model.init:
        about["init_sha256"] = storage.checksum(run.kept_init)
    return {
        "answering": contract.answering(),
        "bad_files": list(run.catalog.bad_files),
        "config": run.config.to_dict(),
        "run": about,
    }


def _report(
    run: Run,
    calibrated: Calibrated,
    predictions: dict[str, Predictions],
    details: dict[str, Any],
    record: Record,
    trackers: Sequence[Tracker],
) -> dict[str, Any]:
    read = functools.partial(read_pictures, run.store)
    explained = explaining.of_mistakes(
        calibrated.explainer(), predictions["test"], read, run.config.data.max_megapixels
    )
    for tracker in trackers:
        tracker.evaluation(predictions, read, explained)
    content = ReportContent(predictions, run.catalog.counts(), read, record.rows, explained)
    return publishing.publish(run.workdir, content, details, run.subset_of)
