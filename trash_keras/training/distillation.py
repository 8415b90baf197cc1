"""Knowledge distillation: a student learns a mix of the labels and its teachers' soft targets.

Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015. The teachers are
trained classifiers of the same classes that have seen no image of validation or test.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from trash_keras.config import Config, load
from trash_keras.data import file_roles, pipeline, places
from trash_keras.data.catalog import Catalog
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.models.classifier import load_classifier
from trash_keras.storage import caches, checksums, local, remote, text_files
from trash_keras.training import features, run_data

RECORD = "teachers.json"


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained classifier in a file.

    Attributes:
        path: Of the `.keras` file. Its classifier teaches; temperature, views and OOD scaling are
            for inference, and the student gets its own.
        sha256: Of the file.
        image_size: Height and width of the images it takes, pixels.
    """

    path: str
    sha256: str
    image_size: int


def save(teachers: Sequence[Teacher], workdir: Path) -> None:
    """Writes WORKDIR/teachers.json, by which `find` recognizes the teachers of a resumed run."""
    local.write_json(workdir / RECORD, [dataclasses.asdict(teacher) for teacher in teachers])


def named(config: Config) -> list[str]:
    """Returns the paths that `--teacher` names."""
    return [path for path in config.distillation.teacher.split(",") if path]


def find(config: Config, workdir: Path, catalog: Catalog) -> tuple[Teacher, ...]:
    """Finds and checks the teachers of a run.

    Args:
        config: The run.
        workdir: Its folder; an earlier call may have left its teachers' checksums there.
        catalog: Its images.

    Returns:
        In the order of `--teacher`; empty for a run without one.

    Raises:
        ValueError: No model of this project, other classes, another `resize`, a teacher trained on
            images of validation or test, not the teachers that the run began with, or settings
            that leave nothing to teach.
    """
    paths = named(config)
    if not paths:
        return ()
    if not config.data.deterministic_reads:
        raise ValueError(
            "A teacher predicts step by step, so --teacher needs --deterministic_reads."
        )
    if not config.training.finetune_epochs:
        raise ValueError(
            "The head phase learns from labels, so --teacher needs --finetune_epochs above 0."
        )
    teachers = tuple(_look_at(path, config, catalog) for path in paths)
    checksums = [teacher.sha256 for teacher in teachers]
    record = workdir / RECORD
    if record.exists():
        known = [
            each["sha256"] for each in text_files.from_json(record.read_text(encoding="utf-8"))
        ]
        if known != checksums:
            raise ValueError(
                f"{workdir} began with another teacher than the one now at "
                f"{config.distillation.teacher} (see {record}). Put that one back to resume it, or "
                "use another --workdir."
            )
    return teachers


def _look_at(path: str, config: Config, catalog: Catalog) -> Teacher:
    file_roles.require("teacher", path)
    metadata = ModelMetadata.read(path)
    if not path.endswith(".keras"):
        raise ValueError(f"--teacher must be the model.keras of a run. Received: {path}")
    if metadata.class_names != catalog.class_names:
        told = (", ".join(names) for names in (metadata.class_names, catalog.class_names))
        raise ValueError("The teacher tells {} apart, the data has {}.".format(*told))
    if metadata.resize != config.data.resize:
        raise ValueError(
            f"--resize must be that of the teacher, {metadata.resize}. "
            f"Received: {config.data.resize}"
        )
    beside = Path(path).with_name("catalog.json")
    if beside.exists():  # by name, since the data may have moved since then
        named = {split: {*catalog.examples(split)[0]} for split in ("valid", "test")}
        _require_unseen("teacher", {*Catalog.load(beside).examples("train")[0]}, named)
        if catalog.sources and beside.with_name("config.json").exists():
            scored = _scored(catalog, config.data.data_dir)
            _require_unseen("teacher", _learned_places(Path(path)), scored)
    return Teacher(path, remote.checksum(path), metadata.image_size)


def require_unseen_by_init(config: Config, catalog: Catalog) -> None:
    """Refuses an `--init` model that was trained on images which this run is scored on.

    Images are told by where they lie: elsewhere the same name may be another image.

    Args:
        config: The run; without `init` there is nothing to refuse.
        catalog: Its images.

    Raises:
        ValueError: Images of validation or test are among those.
    """
    if not config.model.init:
        return
    path = Path(config.model.init)
    if path.with_name("catalog.json").exists() and path.with_name("config.json").exists():
        scored = _scored(catalog, config.data.data_dir)
        _require_unseen("model of --init", _learned_places(path), scored)


def _learned_places(model: Path) -> set[str]:
    """Returns where the images lie that a model was trained on."""
    learned = Catalog.load(model.with_name("catalog.json")).examples("train")[0]
    return {*places.identities(load(model.with_name("config.json")).data.data_dir, learned)}


def _scored(catalog: Catalog, data_dir: str) -> dict[str, set[str]]:
    """Returns split -> where the images lie that a run chooses by or is scored on."""
    return {
        split: {*places.identities(data_dir, catalog.examples(split)[0])}
        for split in ("valid", "test")
    }


def _require_unseen(role: str, learned: set[str], scored: Mapping[str, set[str]]) -> None:
    """Refuses a model that was trained on images which the run is scored on."""
    for split, images in scored.items():
        if known := learned & images:
            raise ValueError(
                f"The {role} was trained on {len(known)} images of this run's {split} split, "
                "whose figures would flatter. Divide the data as its run did: "
                "--split_method, --split_dir, --groups and --seed."
            )


def view_size(teachers: Sequence[Teacher], config: Config) -> int:
    """Returns the side of the images that training augments, pixels.

    A teacher of larger images sees each view in full, the others the same scaled down.
    """
    return max([config.data.image_size, *(teacher.image_size for teacher in teachers)])


def predictions_folder(
    teacher: Teacher, config: Config, workdir: Path, locations: Sequence[str], view_size: int
) -> Path:
    """Returns where the predictions of a teacher are kept.

    Args:
        teacher: Which predicts.
        config: The run.
        workdir: Its folder.
        locations: `Reader.locations` of the training images, in their order.
        view_size: Side of the images that training augments, pixels.

    Returns:
        A folder of WORKDIR/backup; or with `--cache_dir` one there. Its name depends on all that
        decides the predictions, so that every run that needs the same ones finds it.
    """
    data = config.data
    if not data.cache_dir:
        return workdir / "backup" / f"teacher-{teacher.sha256[:16]}"
    decisive = (
        teacher.sha256,
        list(locations),
        data.resize,
        view_size,
        data.batch_size,
        config.runtime.seed,
        dataclasses.asdict(config.augmentation),
    )
    digest = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
    return Path(data.cache_dir) / f"teacher-{digest[:16]}"


@dataclasses.dataclass(frozen=True)
class DistillationTargets:
    """What the teachers predict, on average, for everything that a phase will see.

    With a temperature over 1 the student learns the softened predictions with an unchanged
    softmax. So its logits come out as many times smaller than with Hinton's loss, which
    calibration on validation undoes; and `distillation_alpha` means the same at every temperature.

    Attributes:
        folders: Where predictions are kept, one file an epoch, see `predictions_folder` -> the
            teacher that predicts them.
        config: The run.
        examples: The phase's images, of `view_size`.
        augment: Data augmentation: (images, step) -> images of the same size.
    """

    folders: Mapping[Path, Teacher]
    config: Config
    examples: tf.data.Dataset
    augment: pipeline.Augment

    def mix(self, batches: tf.data.Dataset, first_epoch: int, last_epoch: int) -> tf.data.Dataset:
        """Mixes the teachers' predictions into the labels.

        Args:
            batches: What the student sees of `examples` in the epochs first_epoch..last_epoch-1,
                from `pipeline.make_train_dataset`: (images, one-hot labels [batch, classes]), and
                weights, which stay.
            first_epoch: Counted over the run.
            last_epoch: The epoch to stop before.

        Returns:
            The batches with distributions over classes, float32 [batch, classes], as labels. Label
            smoothing applies to the labels' part; predictions are soft already.
        """
        for folder, teacher in self.folders.items():
            self._predict(folder, teacher, first_epoch, last_epoch)
        shape = np.load(_file(next(iter(self.folders)), first_epoch), mmap_mode="r").shape
        alpha = self.config.distillation.distillation_alpha
        smoothing = self.config.training.label_smoothing

        def load(epoch: np.int64) -> np.ndarray:
            temperature = self.config.distillation.distillation_temperature
            predictions = [
                apply_temperature(np.load(_file(folder, int(epoch))), temperature)
                for folder in self.folders
            ]
            return np.mean(predictions, axis=0).astype(np.float32)

        def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            predictions = tf.numpy_function(load, [epoch], tf.float32, stateful=False)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(predictions, shape))

        def mix(batch: tuple[tf.Tensor, ...], predictions: tf.Tensor) -> tuple[tf.Tensor, ...]:
            images, labels, *weights = batch
            smoothed = (1 - smoothing) * labels + smoothing / shape[1]
            return images, alpha * predictions + (1 - alpha) * smoothed, *weights

        epochs = tf.data.Dataset.range(first_epoch, last_epoch).flat_map(of_epoch)
        predictions = epochs.batch(self.config.data.batch_size, drop_remainder=True)
        return tf.data.Dataset.zip(batches, predictions).map(mix).prefetch(tf.data.AUTOTUNE)

    def _predict(self, folder: Path, teacher: Teacher, first_epoch: int, last_epoch: int) -> None:
        """Writes the raw classifier's probabilities, float32 [steps * batch, classes] an epoch."""
        epochs = range(first_epoch, last_epoch)
        missing = [each for each in epochs if not checksums.is_whole(_file(folder, each))]
        if not missing:
            return
        classifier = load_classifier(teacher.path)
        batch_size = self.config.data.batch_size
        count = pipeline.steps_per_epoch(len(self.examples), batch_size) * batch_size

        def make(temporary: Path, epoch: int) -> None:
            seen = pipeline.make_train_dataset(
                self.examples,
                batch_size=batch_size,
                seed=self.config.runtime.seed,
                first_epoch=epoch,
                last_epoch=epoch + 1,
                augment=run_data.resized(self.augment, teacher.image_size),
            ).map(lambda images, labels: images)
            predictions = np.empty((count, classifier.output_shape[-1]), np.float32)
            features.fill(predictions, classifier, seen, batch_size, f"Teacher, epoch {epoch + 1}")
            np.save(temporary, predictions)

        for epoch in missing:
            caches.make_once(_file(folder, epoch), functools.partial(make, epoch=epoch))


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:04d}.npy"
