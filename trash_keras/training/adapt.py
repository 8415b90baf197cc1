"""Adapts a trained classifier to a new place by a few labelled images (few-shot adaptation).

The head is refitted so that the old task is not forgotten, see `head_refit`. The backbone stays, or
where it helps its top is fine-tuned, see `adapt_finetuning`. Then temperature, threshold and OOD
scaling are fitted again for the new place.
"""

import dataclasses
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from trash_keras.calibration import ood
from trash_keras.config import CalibrationConfig, Config, check_workdir, make_options
from trash_keras.data import image_listing, known_label_issues, pipeline
from trash_keras.data.catalog import WHOLE
from trash_keras.data.readers.base import read_images
from trash_keras.exporters.exporter import export
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import adaptation
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier, keras_settings
from trash_keras.reporting import report
from trash_keras.reporting.content import ReportContent
from trash_keras.storage import local, locks, remote
from trash_keras.training import (
    adapt_finetuning,
    adapt_source,
    calibrate,
    devices,
    head_refit,
    kept_features,
    new_place,
    refit_choice,
)
from trash_keras.training.adapt_finetuning import Adapted
from trash_keras.training.adapt_options import AdaptOptions
from trash_keras.training.adapt_source import Source
from trash_keras.training.calibrate import Calibrated, HeldOut
from trash_keras.training.head_refit import Prior
from trash_keras.training.new_place import NewPlace
from trash_keras.training.refit_choice import Refit
from trash_keras.training.trainer import MODEL

ENOUGH_TO_CALIBRATE = 100  # held-out images of the new place, else those kept from home help


@keras_settings.settled()
def adapt(
    data_dir: str | os.PathLike,
    workdir: str | os.PathLike,
    model: str | os.PathLike | None = None,
    *,
    command: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Adapts a trained classifier to the images of a new place, and reports what that gained.

        import trash_keras as tk
        report = tk.adapt("my-images", "runs/mine")  # 3 images a class or more
        report["adaptation"]["new_place"]

    Args:
        data_dir: Class folders; classes of the model may be missing, others are new. Several
            places are separated by commas, as for training.
        workdir: Folder for the run.
        model: `model.keras` of a run, with its `features.npz` beside it; None takes the model
            that comes with the package.
        command: The command line, for the report.
        **options: Fields of `AdaptOptions`.

    Returns:
        The content of `report.json`. Its part `all` is of the new images, cross-validated;
        `adaptation` compares the model before and after, see `metrics.adaptation`.

    Raises:
        ValueError: Model, images and options do not fit, or the images are those that the model
            was trained on; or another process is at work in the workdir.
    """
    settings = make_options(AdaptOptions, options)
    local.require_folder("workdir", workdir)
    with locks.hold("workdir", workdir), pipeline.naming_images():
        return _adapt(settings, data_dir, Path(workdir), model, command)


def _adapt(
    settings: AdaptOptions,
    data_dir: str | os.PathLike,
    workdir: Path,
    model: str | os.PathLike | None,
    command: str,
) -> dict[str, Any]:
    source = Source.load(model)
    config = _config(settings, data_dir, source)
    check_workdir(config, workdir)
    devices.keep_freed_memory()
    place = new_place.look_at(config, source)
    tuning = adapt_finetuning.plan(settings, source, place)
    home = adapt_source.find_home(source, os.fspath(settings.home_dir), settings.batch_size)
    print(f"Adapts {source.path} to {place.words()}", flush=True)
    local.write_json(workdir / "config.json", config.to_dict())
    place.catalog.save(workdir / "catalog.json")
    for name in ("export", "report.json"):  # of an earlier call
        local.remove(workdir / name)
    kept = source.kept.with_classes(place.catalog.class_names)
    prior = Prior.of(source.with_classes(kept.class_names), kept.train, kept.train_labels)
    found = refit_choice.refit(prior, kept, place.examples, settings.max_home_loss, settings.seed)
    plain = Adapted(found, place.examples, kept, home, home.features, {})
    adapted = adapt_finetuning.Trial(tuning, settings, source, place, prior, plain).run()
    known = adapted.examples.only(adapted.examples.labels != head_refit.NO_CLASS)
    calibrated = _calibrate(workdir, source, adapted, known.features, config.answering)
    adapted.kept.with_train(known.features, known.labels).save(workdir / kept_features.FILE)
    details = {
        **_provenance(place, config, command),
        "answering": calibrated.metadata.inference_settings(),
        "risk_control": calibrated.risk.to_dict(),
        "adaptation": _about(source, place, adapted) | _compare(source, plain, adapted, calibrated),
    }
    result = _report(workdir, place, adapted.found, calibrated, details)
    if settings.formats:
        export(workdir, settings.formats, data_dir)
    return result


def _config(settings: AdaptOptions, data_dir: str | os.PathLike, source: Source) -> Config:
    """Returns the run as a configuration: a head on a frozen backbone, without epochs."""
    own = ("home_dir", "max_home_loss", "formats", "finetune_epochs")
    shared = {name: value for name, value in vars(settings).items() if name not in own}
    return Config.make(
        data_dir=data_dir, init=source.path, image_size=source.metadata.image_size,
        resize=source.metadata.resize, tta=source.metadata.tta, head_epochs=0,
        finetune_epochs=0, **shared,
    )  # fmt: skip


def _provenance(place: NewPlace, config: Config, command: str) -> dict[str, Any]:
    about = report.provenance(command, config.data.data_dir)
    if config.data.other_dir:
        about["other_images"] = len(place.examples.labels) - sum(place.counts().values())
    return {
        "label_issues": known_label_issues.find(place.catalog),
        "bad_files": list(place.catalog.bad_files),
        "passed_over": image_listing.summary(place.reader.passed_over()),
        "config": config.to_dict(),
        "run": about | {"init_sha256": remote.checksum(config.model.init)},
    }


def _calibrate(
    workdir: Path,
    source: Source,
    adapted: Adapted,
    features: np.ndarray,
    settings: CalibrationConfig,
) -> Calibrated:
    """Writes `model.keras`: the new head, calibrated on what it was not fitted to.

    Args:
        workdir: Of the run.
        source: The model, with the backbone of the new one.
        adapted: The head, and what it is calibrated on.
        features: float32 [N, channels], of the new place's images of the classes.
        settings: What to aim at.
    """
    found, kept = adapted.found, adapted.kept
    new, detector = found.held_out, None
    if settings.ood_scaling:
        both = (np.concatenate([features, part]) for part in (kept.train, kept.valid))
        detector = ood.fit(*both)
    if len(new.labels) < ENOUGH_TO_CALIBRATE:
        new = HeldOut(
            np.concatenate([new.labels, kept.valid_labels]),
            np.concatenate([new.logits, found.head.logits(kept.valid)]),
            np.concatenate([new.features, kept.valid]),
        )
    calibration = new.calibration(detector, settings)
    # Other heads than that in the file predicted the images that it was chosen on.
    risk = dataclasses.replace(calibration.risk, pooled=True)
    known = source.metadata
    plain = ModelMetadata(kept.class_names, known.image_size, known.resize, tta=known.tta)
    model = classifier.with_head(source.classifier, found.head.kernel, found.head.bias)
    fitted = dataclasses.replace(calibration, risk=risk)
    return calibrate.finish(workdir / MODEL, model, plain, detector, fitted)


def _compare(
    source: Source, plain: Adapted, adapted: Adapted, calibrated: Calibrated
) -> dict[str, Any]:
    """Compares the model before and after, in the new place and at home.

    Args:
        source: The model before.
        plain: The images as its backbone sees them.
        adapted: The same images as the new one does.
        calibrated: The new model.
    """
    names, known = calibrated.metadata.class_names, source.metadata
    found, home, features = adapted.found, adapted.home, adapted.home_features
    own = np.array([names.index(name) for name in known.class_names])
    at_home = HeldOut(own[home.labels], found.head.logits(features), features)
    thresholds = (known.threshold, calibrated.metadata.threshold)

    def both(features: np.ndarray, images: HeldOut) -> tuple[np.ndarray, np.ndarray]:
        return (
            softmax(source.before(names, features) / known.temperature, axis=1),
            calibrated.probabilities(images),
        )

    compared: dict[str, Any] = {
        title: adaptation.compare(images.labels, *both(features, images), thresholds)
        for title, features, images in (
            ("new_place", plain.found.held_out.features, found.held_out),
            ("home", home.features, at_home),
        )
    }
    if len(found.others.labels):
        others = both(plain.found.others.features, found.others)
        compared["other_images"] = adaptation.compare_answered(*others, thresholds)
    return compared | {"home_images": home.what}


def _about(source: Source, place: NewPlace, adapted: Adapted) -> dict[str, Any]:
    """Returns what was adapted to what, and how."""
    counts, known = place.counts(), source.metadata.class_names
    return {
        "model": source.path,
        "images": counts,
        "new_classes": [name for name in counts if name not in known],
        "missing_classes": [name for name, count in counts.items() if not count],
        "strength": adapted.found.strength,
        "folds": adapted.found.folds,
        "finetuning": adapted.about,
    }


def _report(
    workdir: Path,
    place: NewPlace,
    found: Refit,
    calibrated: Calibrated,
    details: dict[str, Any],
) -> dict[str, Any]:
    """Writes the report on the new images, each predicted by a head that was fitted to others."""
    paths, labels = place.catalog.examples(WHOLE)
    probabilities = calibrated.probabilities(found.held_out)
    predictions = Predictions(place.catalog.class_names, paths, labels, probabilities)
    read = functools.partial(read_images, place.reader)
    content = ReportContent({WHOLE: predictions}, place.catalog.counts(), read)
    return report.write(workdir, content, details, source_of=place.catalog.source_of())
