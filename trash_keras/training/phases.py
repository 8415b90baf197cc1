"""One phase of training: a model, its data, its epochs."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trash_keras.config import TrainingConfig
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.evaluation import report
from trash_keras.training import averaging, features, runtime
from trash_keras.training.record import EpochRecorder, Record

HEAD, FINETUNE, SCRATCH = "head", "finetune", "scratch"


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs first_epoch..last_epoch-1, counted over the whole run."""

    name: str
    first_epoch: int
    last_epoch: int
    learning_rate: float


@dataclasses.dataclass(frozen=True)
class Source:
    """What a phase trains on.

    Attributes:
        examples: Dataset of (inputs, one-hot label), of known length.
        valid_inputs: What the phase's model predicts the validation split from.
        valid_labels: int [N].
    """

    examples: tf.data.Dataset
    valid_inputs: tf.data.Dataset | np.ndarray
    valid_labels: np.ndarray

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Returns accuracy and loss on the validation split."""
        answers = model.predict(self.valid_inputs, verbose=0)[: len(self.valid_labels)]
        return report.accuracy_and_loss(self.valid_labels, answers)


def plan(settings: TrainingConfig, from_scratch: bool) -> list[Phase]:
    """Returns the phases of a run that have epochs.

    With random initial weights there is nothing worth freezing, so there is one phase.

    Raises:
        ValueError: No phase has epochs.
    """
    head_epochs = 0 if from_scratch else settings.head_epochs
    phases = [
        Phase(HEAD, 0, head_epochs, settings.head_learning_rate),
        Phase(
            SCRATCH if from_scratch else FINETUNE,
            head_epochs,
            head_epochs + settings.finetune_epochs,
            settings.finetune_learning_rate,
        ),
    ]
    phases = [phase for phase in phases if phase.last_epoch > phase.first_epoch]
    if not phases:
        raise ValueError(
            "There is nothing to train: --finetune_epochs is 0, and so is --head_epochs or "
            "--weights is none, which has no head phase."
        )
    return phases


def feature_source(
    extractor: keras.Model,
    pictures: Mapping[str, tf.data.Dataset],
    catalog: Catalog,
    cache_folder: Path,
    batch_size: int,
    *,
    views: int,
    augment: pipeline.Augment,
    memory_megabytes: float,
) -> Source:
    """Returns the source of the head phase: features of the frozen backbone, computed once.

    Args:
        extractor: Pictures -> features.
        pictures: Split -> dataset of `pipeline.pictures`.
        catalog: Of these pictures.
        cache_folder: Keeps the features for a resumed run.
        batch_size: Pictures per step.
        views: Augmented views of each training picture; 0 takes the pictures as they are.
        augment: Changes (images, step) to images.
        memory_megabytes: Features up to this size are held in memory, 10^6 bytes.
    """
    train, valid = (
        features.compute(
            extractor,
            pictures[split],
            batch_size=batch_size,
            cache_file=cache_folder / f"{split}.npy",
            views=views if split == "train" else 0,
            augment=augment,
        )
        for split in ("train", "valid")
    )
    one_hot = np.eye(len(catalog.class_names), dtype="float32")[catalog.examples("train")[1]]
    labels = np.tile(one_hot, (max(1, views), 1))
    examples = tf.data.Dataset.zip(
        features.dataset(train, memory_megabytes), tf.data.Dataset.from_tensor_slices(labels)
    )
    return Source(examples, valid, catalog.examples("valid")[1])


def picture_source(
    pictures: Mapping[str, tf.data.Dataset], catalog: Catalog, batch_size: int
) -> Source:
    """Returns the source of a phase that trains on pictures.

    Args:
        pictures: From `inputs.pictures`.
        catalog: Of these pictures.
        batch_size: Pictures per step.
    """
    batches = pipeline.evaluation(pictures["valid"], batch_size)
    return Source(pictures["views"], batches, catalog.examples("valid")[1])


def fit(
    phase: Phase,
    model: keras.Model,
    source: Source,
    record: Record,
    *,
    settings: TrainingConfig,
    seed: int,
    batch_size: int,
    class_weight: Mapping[int, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    augment: pipeline.Augment | None = None,
    soften: Callable[[tf.data.Dataset, int, int], tf.data.Dataset] | None = None,
) -> None:
    """Trains a phase to its end, from its last recorded epoch.

    Args:
        phase: Name, epochs and peak learning rate.
        model: Inputs of the source -> probabilities.
        source: Training and validation examples.
        record: Where epochs are committed.
        settings: Schedule, weight decay and label smoothing.
        seed: Of the run.
        batch_size: Examples per step.
        class_weight: Label -> weight in the training loss alone; None weighs all alike.
        callbacks: Called after each epoch was scored.
        augment: Changes (inputs, step) to inputs in training.
        soften: Changes the labels of (training batches, first epoch, epoch to stop before), and
            smooths them itself.
    """
    steps = pipeline.steps_per_epoch(len(source.examples), batch_size)
    model.compile(
        optimizer=_optimizer(phase, steps, settings),
        loss=keras.losses.CategoricalCrossentropy(
            label_smoothing=0.0 if soften else settings.label_smoothing
        ),
        metrics=["accuracy"],
    )
    epoch = record.restore(phase.name, model) or phase.first_epoch
    if epoch >= phase.last_epoch:
        averaging.settle(model)
        return
    print(f"Phase {phase.name}: epochs {epoch + 1} to {phase.last_epoch}", flush=True)

    def validate() -> dict[str, float]:
        with averaging.averaged(model):
            return source.validate(model)

    batches = pipeline.training(
        source.examples,
        batch_size=batch_size,
        seed=seed,
        first_epoch=epoch,
        last_epoch=phase.last_epoch,
        augment=augment,
    )
    model.fit(
        soften(batches, epoch, phase.last_epoch) if soften else batches,
        initial_epoch=epoch,
        epochs=phase.last_epoch,
        steps_per_epoch=steps,
        shuffle=False,  # `pipeline.training` has shuffled
        class_weight=class_weight,
        verbose=runtime.progress(),
        callbacks=[EpochRecorder(record, phase.name, validate), *callbacks],
    )


def _optimizer(phase: Phase, steps_per_epoch: int, settings: TrainingConfig) -> keras.Optimizer:
    steps = steps_per_epoch * (phase.last_epoch - phase.first_epoch)
    warmup_steps = round(settings.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else phase.learning_rate,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=phase.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema,
    )
    # Decaying biases and the scale and shift of BatchNorm only pulls them from where data put
    # them (He et al., 2019, section 3.1).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
