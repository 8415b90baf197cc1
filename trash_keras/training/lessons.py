"""Distillation: a student learns what teachers answer to the very views that the student sees.

Beyer, Zhai, Royer, Markeeva, Anil & Kolesnikov, "Knowledge distillation: A good teacher is patient
and consistent", CVPR 2022: teacher and student see the same crop, anew at each step, and many of
them. Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015, for soft answers
and their temperature, and for the mean of several teachers.

What a step sees is a function of seed and step. So a teacher answers all steps of a phase before
the phase begins, an epoch a file, and training itself is what it is without a teacher, on any
device. A resumed run reads what was answered, and so does, in `--cache_dir`, another student.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from trash_keras import files
from trash_keras.config import Config
from trash_keras.data import pipeline
from trash_keras.evaluation.calibration import apply_temperature
from trash_keras.modeling.classifier import load_classifier
from trash_keras.training import features, inputs
from trash_keras.training.teachers import Teacher


def view_size(teachers: Sequence[Teacher], config: Config) -> int:
    """Returns the side of the pictures that training augments, pixels.

    A teacher of larger pictures sees each view in full, the others the same scaled down.
    """
    return max([config.data.image_size, *(teacher.image_size for teacher in teachers)])


def answers_folder(
    teacher: Teacher, config: Config, workdir: Path, locations: Sequence[str], view_size: int
) -> Path:
    """Returns where the answers of a teacher are kept.

    Args:
        teacher: Who answers.
        config: The run.
        workdir: Its folder.
        locations: `Store.locations` of the training pictures, in their order.
        view_size: Side of the pictures that training augments, pixels.

    Returns:
        A folder of WORKDIR/backup; or with `--cache_dir` one there, whose name depends on all that
        decides the answers, so that every run that would ask the same finds it.
    """
    data = config.data
    if not data.cache_dir:
        return workdir / "backup" / f"teacher-{teacher.sha256[:16]}"
    asked = (
        teacher.sha256,
        list(locations),
        data.resize,
        view_size,
        data.batch_size,
        config.runtime.seed,
        dataclasses.asdict(config.augmentation),
    )
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    return Path(data.cache_dir) / f"teacher-{digest[:16]}"


@dataclasses.dataclass(frozen=True)
class Lessons:
    """What teachers answer, on average, to all that a phase will see.

    With a temperature over 1 the student learns the softened answers with a softmax that stays as
    it is. So its logits come out as many times smaller than by Hinton's loss, which calibration
    on validation undoes; and a share means the same at every temperature.

    Attributes:
        answered: Folder of the answers, an epoch a file, see `answers_folder` -> who answers.
        config: The run.
        examples: The phase's pictures, of `view_size`.
        augment: Changes (images, step) to images of the same size.
    """

    answered: Mapping[Path, Teacher]
    config: Config
    examples: tf.data.Dataset
    augment: pipeline.Augment

    def soften(
        self, batches: tf.data.Dataset, first_epoch: int, last_epoch: int
    ) -> tf.data.Dataset:
        """Mixes the teachers' answers into the labels.

        Args:
            batches: What the student sees of `examples` in the epochs first_epoch..last_epoch-1,
                from `pipeline.training`: (images, one-hot labels [batch, classes]).
            first_epoch: Counted over the run.
            last_epoch: The epoch to stop before.

        Returns:
            The batches, with distributions over classes, float32 [batch, classes], as labels. The
            label's part is smoothed here; answers are soft already.
        """
        for folder, teacher in self.answered.items():
            self._answer(folder, teacher, first_epoch, last_epoch)
        shape = np.load(_file(next(iter(self.answered)), first_epoch), mmap_mode="r").shape
        share = self.config.distillation.teacher_share
        smoothing = self.config.training.label_smoothing

        def load(epoch: np.int64) -> np.ndarray:
            temperature = self.config.distillation.teacher_temperature
            answers = [
                apply_temperature(np.load(_file(folder, int(epoch))), temperature)
                for folder in self.answered
            ]
            return np.mean(answers, axis=0).astype(np.float32)

        def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            answers = tf.numpy_function(load, [epoch], tf.float32, stateful=False)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(answers, shape))

        def mix(
            batch: tuple[tf.Tensor, tf.Tensor], answers: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            images, labels = batch
            smoothed = (1 - smoothing) * labels + smoothing / shape[1]
            return images, share * answers + (1 - share) * smoothed

        epochs = tf.data.Dataset.range(first_epoch, last_epoch).flat_map(of_epoch)
        answers = epochs.batch(self.config.data.batch_size, drop_remainder=True)
        return tf.data.Dataset.zip(batches, answers).map(mix).prefetch(tf.data.AUTOTUNE)

    def _answer(self, folder: Path, teacher: Teacher, first_epoch: int, last_epoch: int) -> None:
        """Writes the raw classifier's probabilities, float32 [steps * batch, classes] an epoch."""
        epochs = range(first_epoch, last_epoch)
        missing = [each for each in epochs if not _file(folder, each).exists()]
        if not missing:
            return
        classifier = load_classifier(teacher.path)
        batch_size = self.config.data.batch_size
        count = pipeline.steps_per_epoch(len(self.examples), batch_size) * batch_size
        for epoch in missing:
            seen = pipeline.training(
                self.examples,
                batch_size=batch_size,
                seed=self.config.runtime.seed,
                first_epoch=epoch,
                last_epoch=epoch + 1,
                augment=inputs.resized(self.augment, teacher.image_size),
            ).map(lambda images, labels: images)
            answers = np.empty((count, classifier.output_shape[-1]), np.float32)
            features.fill(answers, classifier, seen, batch_size, f"Teacher, epoch {epoch + 1}")
            with files.replacing(_file(folder, epoch)) as temporary:
                np.save(temporary, answers)


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:04d}.npy"
