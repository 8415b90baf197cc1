"""train_and_evaluate: head phase, fine-tuning phase, report; resumes where it stopped."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trash_keras import config as configuration
from trash_keras import explaining, files, scoring
from trash_keras.config import Config
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.data.stores import Store, open_store, read_pictures
from trash_keras.evaluation import publishing, subsets
from trash_keras.evaluation.predictions import Predictions
from trash_keras.modeling import backbones, classifier
from trash_keras.predictor import Predictor
from trash_keras.tracking import fingerprint
from trash_keras.tracking.trackers import open_trackers
from trash_keras.training import answering, catalogs, inputs, lessons, phases, runtime, teachers
from trash_keras.training.lessons import Lessons
from trash_keras.training.record import Record
from trash_keras.training.teachers import Teacher


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
    phases.plan(config.training, from_scratch=config.model.weights == "none")
    if is_complete(workdir):
        print(f"This run is complete: {workdir / 'report.html'}", flush=True)
        return json.loads((workdir / "report.json").read_text(encoding="utf-8"))

    runtime.keep_freed_memory()
    strategy = runtime.use_accelerator(config.runtime.accelerator)
    runtime.check_batch_size(config.data.batch_size, strategy)
    store = open_store(config.data.data_dir, config.data.data_format)
    catalog = catalogs.of_run(config, workdir, store)
    subset_of = subsets.load(config.data.subsets, catalog.paths())
    taught_by = teachers.find(config, workdir, catalog)
    precision = runtime.set_precision(config.runtime.mixed_precision, strategy)
    # Here, since opening the data may draw from Python's generator, as tensorflow-datasets does,
    # and Keras draws the seeds of initial weights from it.
    runtime.set_seed(config.runtime.seed, config.runtime.deterministic)
    with strategy.scope():
        model = _build(config, len(catalog.class_names))
    # Nothing is written before all that a user can get wrong has been looked at.
    files.write_json(workdir / "config.json", config.to_dict())
    catalog.save(workdir / "catalog.json")
    if taught_by:
        teachers.save(taught_by, workdir)

    pictures = inputs.pictures(config.data, catalog, store, lessons.view_size(taught_by, config))
    print(
        f"{strategy.num_replicas_in_sync} device(s), {precision}; pictures: "
        + ", ".join(f"{split} {len(pictures[split])}" for split in SPLITS),
        flush=True,
    )
    describe_data = functools.partial(fingerprint.of, catalog, store)
    with open_trackers(config, workdir, describe_data) as trackers:
        callbacks = [tracker.callback() for tracker in trackers]
        with strategy.scope():
            taught = _lessons(config, workdir, catalog, store, pictures, taught_by)
            record = _train(config, workdir, catalog, model, pictures, callbacks, taught)
        contract = answering.settle(
            workdir / "model.keras", config.answering, pictures,
            catalog.examples("valid")[1], config.data.batch_size,
        )  # fmt: skip
        answers = _evaluate(
            config, workdir, catalog, store, {each: pictures[each] for each in splits}
        )
        read = functools.partial(read_pictures, store)
        explainer = explaining.find(workdir / "model.keras")
        explained = explaining.of_mistakes(
            explainer, answers["test"], read, config.data.max_megapixels
        )
        for tracker in trackers:
            tracker.evaluation(answers, read, explained)
        details = {"answering": contract.answering(), **_details(config, catalog, record)}
        provenance = publishing.provenance(command, config.data.data_dir)
        details["run"] |= {**provenance, "precision": precision}
        if taught_by:
            details["run"]["teacher_sha256"] = [teacher.sha256 for teacher in taught_by]
        # Before the trackers close, which may wait for uploads.
        result = publishing.publish(
            workdir,
            answers,
            details,
            counts=catalog.counts(),
            read_pictures=read,
            epochs=record.rows,
            explained=explained,
            subset_of=subset_of,
        )
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
    phases.plan(config.training, from_scratch=config.model.weights == "none")
    strategy = runtime.use_accelerator(config.runtime.accelerator)
    runtime.check_batch_size(config.data.batch_size, strategy)
    backbones.build(config.model.backbone, config.model.weights, config.data.image_size)


def _build(config: Config, class_count: int) -> keras.Model:
    scaling, backbone = backbones.build(
        config.model.backbone, config.model.weights, config.data.image_size
    )
    return classifier.build(backbone, class_count, scaling=scaling, dropout=config.model.dropout)


def _lessons(
    config: Config,
    workdir: Path,
    catalog: Catalog,
    store: Store,
    pictures: dict[str, tf.data.Dataset],
    taught_by: Sequence[Teacher],
) -> Lessons | None:
    if not taught_by:
        return None
    locations = store.locations(catalog.examples("train")[0])
    size = lessons.view_size(taught_by, config)
    answered = {
        lessons.answers_folder(teacher, config, workdir, locations, size): teacher
        for teacher in taught_by
    }
    return Lessons(answered, config, pictures["views"], inputs.augment(config))


def _train(
    config: Config,
    workdir: Path,
    catalog: Catalog,
    model: keras.Model,
    pictures: dict[str, tf.data.Dataset],
    callbacks: list[keras.callbacks.Callback],
    taught: Lessons | None,
) -> Record:
    settings, data = config.training, config.data
    augment = inputs.augment(config)
    contract = Contract(catalog.class_names, data.image_size, data.resize, tta=config.answering.tta)
    record = Record(workdir, functools.partial(save_model, model, contract, workdir))
    balanced = settings.class_weights == "balanced"
    fit = functools.partial(
        phases.fit,
        record=record,
        settings=settings,
        seed=config.runtime.seed,
        batch_size=data.batch_size,
        class_weight=pipeline.class_weights(catalog.counts()["train"]) if balanced else None,
        callbacks=callbacks,
    )
    for phase in phases.plan(settings, from_scratch=config.model.weights == "none"):
        if record.is_past(phase.name):
            continue
        if phase.name == phases.HEAD:
            extractor = classifier.feature_extractor(model)
            folder = workdir / "backup" / "features"
            source = phases.feature_source(
                extractor, pictures, catalog, folder, data.batch_size,
                views=settings.head_augment, augment=augment, memory_megabytes=data.cache_megabytes,
            )  # fmt: skip
            fit(phase, classifier.head(model), source)
        else:
            if phase.name == phases.SCRATCH:
                classifier.quicken_batch_norm(model)
            else:
                classifier.unfreeze(model, settings.finetune_layers)
            source = phases.picture_source(pictures, catalog, data.batch_size)
            fit(
                phase, model, source,
                augment=inputs.resized(augment, data.image_size),
                soften=taught.soften if taught else None,
            )  # fmt: skip
    return record


def save_model(model: keras.Model, contract: Contract, workdir: Path) -> None:
    """Writes WORKDIR/model.keras: float32 whatever it trained in, with its contract inside."""
    plain = classifier.in_float32(model)
    # A model of the same layers that was never compiled: the state of AdamW, which backup/ keeps,
    # would make the file three times as large.
    uncompiled = keras.Model(plain.input, plain.output, name=plain.name)
    with files.replacing(workdir / "model.keras") as temporary:
        uncompiled.save(temporary)
        contract.embed(temporary)


def _evaluate(
    config: Config,
    workdir: Path,
    catalog: Catalog,
    store: Store,
    pictures: dict[str, tf.data.Dataset],
) -> dict[str, Predictions]:
    # The file is scored, not the model in memory: what is reported is what is shipped.
    predictor = Predictor.load(workdir / "model.keras")
    size = config.data.batch_size
    return {
        split: scoring.answers(predictor, catalog, split, store, batch_size=size, pictures=examples)
        for split, examples in pictures.items()
    }


def _details(config: Config, catalog: Catalog, record: Record) -> dict[str, Any]:
    best = record.best()
    return {
        "bad_files": list(catalog.bad_files),
        "config": config.to_dict(),
        "run": {
            "best_epoch": best["epoch"],
            "best_phase": best["phase"],
            "training_minutes": round(sum(row["seconds"] for row in record.rows) / 60, 2),
        },
    }
