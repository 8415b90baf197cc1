"""A run before it trains: everything that is checked before anything is written, and its model."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trash_keras.calibration import pooled as pooled_predictions
from trash_keras.config import Config, fields
from trash_keras.data import known_label_issues
from trash_keras.data.catalog import Catalog
from trash_keras.data.decoded import DecodedImages
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import Reader
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import slices
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import backbones, classifier
from trash_keras.storage import checksums, local
from trash_keras.storage.addresses import public_value
from trash_keras.training import devices, distillation, outlier_exposure, resume, run_data
from trash_keras.training.distillation import Teacher


@dataclasses.dataclass(frozen=True)
class Run:
    """A run: its settings, and what they name.

    Attributes:
        config: Its settings.
        workdir: Folder for everything that it writes.
        reader: Gives its images.
        catalog: Which images there are, by split.
        slice_of: Image -> slice, from `slices.load`.
        label_issues: From `known_label_issues.find`.
        teachers: For distillation; empty without.
        precision: Name of the dtype policy.
        others: Images of none of the classes, for outlier exposure; None without.
        pooled: What `--calibration_predictions` has for it; None without.
        decoded: Images that were decoded already.
    """

    config: Config
    workdir: Path
    reader: Reader
    catalog: Catalog
    slice_of: Mapping[str, str]
    label_issues: known_label_issues.Issues
    teachers: Sequence[Teacher]
    precision: str
    others: Split | None = None
    pooled: Predictions | None = None
    decoded: DecodedImages | None = None

    @property
    def kept_init(self) -> Path:
        """A copy of the `--init` file, which may change or disappear during the run."""
        return self.workdir / "backup" / "init.keras"

    def facts(self) -> dict[str, Any]:
        """Returns what must be the same on all workers: settings but for paths, and images."""
        settings = {
            field.name: getattr(getattr(self.config, section), field.name)
            for section, field in fields(type(self.config))
            if field.metadata["changes_result"] and not field.metadata["is_path"]
        }
        images = {split: self.catalog.examples(split)[0] for split in self.catalog.splits}
        return {"settings": settings, "images": images, "classes": list(self.catalog.class_names)}


def open_devices(config: Config) -> tf.distribute.Strategy:
    """Picks the devices of a run.

    Raises:
        ValueError: They are not there, or cannot share its batches.
    """
    devices.keep_freed_memory()
    strategy = devices.use_accelerator(config.runtime.accelerator)
    devices.check_batch_size(config.data.batch_size, strategy)
    return strategy


def look_at(config: Config, workdir: Path, strategy: tf.distribute.Strategy) -> Run:
    """Checks everything that a user can get wrong except the network; writes next to nothing.

    Args:
        config: The run.
        workdir: Its folder; what an earlier call left there counts.
        strategy: From `open_devices`.

    Raises:
        ValueError: Data, teachers or the model to start from do not fit the configuration.
    """
    if not config.model.init:
        backbones.require(config.model.backbone, config.model.weights)
    reader = run_data.open_data(config.data)
    decoded = run_data.decoded_images(config.data)
    catalog = run_data.resolve_splits(config, workdir, reader, decoded)
    if not resume.is_moved(config, workdir):
        resume.require_unchanged(workdir, catalog, reader)
    devices.require_batch(config.data.batch_size, len(catalog.examples("train")[0]))
    slice_of = slices.load(config.data.slices, catalog.paths())
    issues = known_label_issues.find(catalog, config.data.audit)
    others = outlier_exposure.find(config, reader, catalog)
    teachers = distillation.find(config, workdir, catalog)
    named = config.answering.calibration_predictions
    pooled = pooled_predictions.load(named, catalog) if named else None
    precision = devices.set_precision(config.runtime.mixed_precision, strategy)
    run = Run(
        config,
        workdir,
        reader,
        catalog,
        slice_of,
        issues,
        teachers,
        precision,
        others,
        pooled,
        decoded,
    )
    if not checksums.is_whole(run.kept_init):
        distillation.require_unseen_by_init(config, catalog)
    return run


def build(run: Run) -> keras.Model:
    """Builds the classifier that training starts from; in the scope of the devices.

    Raises:
        ValueError: As `classifier.create`.
    """
    # Here, since opening the data may draw from Python's generator, as tensorflow-datasets does,
    # and Keras draws the seeds of initial weights from it.
    devices.set_seed(run.config.runtime.seed, run.config.runtime.deterministic)
    settings, names = run.config.model, run.catalog.class_names
    if settings.init and checksums.is_whole(run.kept_init):
        settings = dataclasses.replace(settings, init=str(run.kept_init))
    model = classifier.create(settings, names, run.config.data.image_size)
    if run.config.runtime.deterministic and run.config.training.finetune_epochs:
        devices.require_deterministic_gradients(model)
    if settings.init:
        known = ModelMetadata.read(settings.init)
        fresh = ", ".join(name for name in names if name not in known.class_names)
        print(
            f"Starts from {public_value(run.config.model.init)}, made for {known.image_size} px, "
            f"{known.resize}; new in its head: {fresh or 'nothing'}",
            flush=True,
        )
    return model


def begin(run: Run) -> None:
    """Writes what the run is, for resuming it and for readers."""
    local.write_json(run.workdir / "config.json", run.config.to_dict(), checked=True)
    run.catalog.save(run.workdir / "catalog.json")
    resume.note_images(run.workdir, run.catalog, run.reader)
    if run.teachers:
        distillation.save(run.teachers, run.workdir)
    if run.config.model.init and not checksums.is_whole(run.kept_init):
        with local.atomic_write(run.kept_init, checked=True) as temporary:
            shutil.copyfile(run.config.model.init, temporary)
