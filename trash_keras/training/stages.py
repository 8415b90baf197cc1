"""The phases of a training run: transfer learning of the head, then fine-tuning of the backbone.

Or one phase that trains everything from random weights. Each is a model, its data, its epochs.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trash_keras.config import DataConfig, ModelConfig, TrainingConfig
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.metrics import classification
from trash_keras.training import ema, features, outlier_exposure, profiling, run_data, workers
from trash_keras.training.checkpoint import CheckpointCallback, CheckpointManager
from trash_keras.training.diverged import StopWhenDiverged
from trash_keras.training.optimizers import FusedAdamW

HEAD, FINETUNE, SCRATCH = "head", "finetune", "scratch"
OTHER = "other"  # images of none of the classes


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs first_epoch..last_epoch-1, counted over the whole run."""

    name: str
    first_epoch: int
    last_epoch: int
    learning_rate: float


@dataclasses.dataclass(frozen=True)
class RunData:
    """The images of a run, and how they are read and changed.

    Attributes:
        catalog: Which images there are.
        images: From `run_data.images`; with `other`, those of `outlier_exposure.images`.
        batch_size: Images per step.
        augment: Changes (images, step) to images of the same size.
        weights: float32 [N] of the training images in the order of `Catalog.examples`, from
            `pipeline.example_weights`; None: see `Recipe`.
    """

    catalog: Catalog
    images: Mapping[str, tf.data.Dataset]
    batch_size: int
    augment: pipeline.Augment
    weights: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """What a phase trains on.

    Attributes:
        examples: Dataset of (inputs, one-hot label), of known length.
        valid_inputs: What the phase's model predicts the validation split from.
        valid_labels: int [N].
        augment: Changes (inputs, step) to inputs in training; None leaves them.
        paths: Image of each example, of the first of several views; empty where it does not matter.
        mix: Mixes soft targets into the labels of (training batches, first epoch, epoch to stop
            before), and smooths the labels itself; None leaves them.
        weights: float32 [N] of the examples, in the training loss only; None: see `Recipe`.
    """

    examples: tf.data.Dataset
    valid_inputs: tf.data.Dataset | np.ndarray
    valid_labels: np.ndarray
    paths: Sequence[str] = ()
    augment: pipeline.Augment | None = None
    mix: Callable[[tf.data.Dataset, int, int], tf.data.Dataset] | None = None
    weights: np.ndarray | None = None
    has_others: bool = False

    def validate(self, model: keras.Model) -> dict[str, float]:
        """Returns accuracy and loss on the validation split."""
        predictions = model.predict(self.valid_inputs, verbose=0)[: len(self.valid_labels)]
        return classification.accuracy_and_loss(self.valid_labels, predictions)

    def batches(self, phase: Phase, epoch: int, seed: int, batch_size: int) -> tf.data.Dataset:
        """Returns training batches from an epoch on, see `pipeline.make_train_dataset`."""
        examples = self.examples
        if self.weights is not None:
            weights = tf.data.Dataset.from_tensor_slices(self.weights)
            examples = tf.data.Dataset.zip(examples, weights).map(
                lambda example, weight: (*example, weight)
            )
        batches = pipeline.make_train_dataset(
            examples,
            batch_size=batch_size,
            seed=seed,
            first_epoch=epoch,
            last_epoch=phase.last_epoch,
            augment=self.augment,
        )
        return self.mix(batches, epoch, phase.last_epoch) if self.mix else batches

    def batch_paths(self, epoch: int, step: int, seed: int, batch_size: int) -> list[str]:
        """Returns the images of a batch, by drawing the order of its epoch again."""
        count = len(self.examples)
        numbers = tf.data.Dataset.range(count)
        batches = pipeline.make_train_dataset(
            tf.data.Dataset.zip(numbers, numbers),
            batch_size=batch_size,
            seed=seed,
            first_epoch=epoch,
            last_epoch=epoch + 1,
        )
        (batch,) = batches.skip(step).take(1).as_numpy_iterator()
        return [self.paths[number % len(self.paths)] for number in batch[1] if self.paths]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every phase of a run trains.

    Attributes:
        settings: Schedule, weight decay, average of the weights (EMA) and label smoothing.
        seed: Of the run.
        batch_size: Examples per step.
        class_weight: Label -> weight, in the training loss only; None weighs all alike, or as the
            source of the phase says.
        callbacks: Called after each epoch has been scored.
        profile: Folder for profiles of the phases, see `profiling`; empty for none.
        steps_per_execution: Most steps between two returns to Python; 1 with `profile`.
    """

    settings: TrainingConfig
    seed: int
    batch_size: int
    class_weight: Mapping[int, float] | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    profile: str = ""
    steps_per_execution: int = 1

    def compile(self, model: keras.Model, phase: Phase, source: Source) -> int:
        """Gives a model the optimizer and loss of a phase; returns the steps of an epoch."""
        steps = pipeline.steps_per_epoch(len(source.examples), self.batch_size)
        peak = phase.learning_rate * rate_factor(self.settings, self.batch_size)
        phase = dataclasses.replace(phase, learning_rate=peak)
        smoothing = 0.0 if source.mix else self.settings.label_smoothing
        at_once = 1 if self.profile else self.steps_per_execution
        model.compile(
            optimizer=optimizer(phase, steps, self.settings),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
            metrics=[outlier_exposure.ClassAccuracy() if source.has_others else "accuracy"],
            # No more than divide an epoch's steps, or it would begin with batches of the next.
            steps_per_execution=max(n for n in range(1, at_once + 1) if steps % n == 0),
        )
        _make_variables(model)
        return steps


def rate_factor(settings: TrainingConfig, batch_size: int) -> float:
    """Returns by what `--scale_learning_rate` multiplies peak learning rates.

    Linear: Goyal et al., "Accurate, Large Minibatch SGD", 2017. Square root, for adaptive
    optimizers: Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms",
    NeurIPS 2022.

    Args:
        settings: Names the rule.
        batch_size: Images per step, over all devices and workers.
    """
    power = {"none": 0.0, "linear": 1.0, "sqrt": 0.5}[settings.scale_learning_rate]
    return float((batch_size / DataConfig.batch_size) ** power)


def plan(settings: TrainingConfig, model: ModelConfig) -> list[Phase]:
    """Returns the phases of a run that have epochs.

    With random initial weights there is nothing worth freezing, so there is one phase.

    Raises:
        ValueError: No phase has epochs, and no trained model to start from.
    """
    head_epochs = 0 if model.from_scratch else settings.head_epochs
    phases = [
        Phase(HEAD, 0, head_epochs, settings.head_learning_rate),
        Phase(
            SCRATCH if model.from_scratch else FINETUNE,
            head_epochs,
            head_epochs + settings.finetune_epochs,
            settings.finetune_learning_rate,
        ),
    ]
    phases = [phase for phase in phases if phase.last_epoch > phase.first_epoch]
    if not phases and not model.init:
        raise ValueError(
            "There is nothing to train: --finetune_epochs is 0, and so is --head_epochs or "
            "--weights is none, which has no head phase."
        )
    return phases


def feature_source(
    extractor: keras.Model, data: RunData, views: int, cache: features.Cache
) -> Source:
    """Returns the source of the head phase: features of the frozen backbone, computed once.

    Args:
        extractor: Images -> features.
        data: Of the run.
        views: Augmented views of each training image; 0 takes the images as they are.
        cache: Keeps the features for a resumed run.
    """

    def compute(name: str, views: int) -> np.ndarray:
        return features.compute(
            extractor,
            data.images[name],
            batch_size=data.batch_size,
            cache_file=cache.folder / f"{name}.npy",
            views=views,
            augment=data.augment,
        )

    train, valid = compute("train", views), compute("valid", 0)
    labels = np.tile(data.catalog.examples("train")[1], max(1, views))
    labels = np.eye(len(data.catalog.class_names), dtype="float32")[labels]
    examples = tf.data.Dataset.zip(
        features.dataset(train, cache.memory_megabytes), tf.data.Dataset.from_tensor_slices(labels)
    )
    weights = None if data.weights is None else np.tile(data.weights, max(1, views))
    others = None
    if OTHER in data.images:
        others = features.dataset(compute(OTHER, views), cache.memory_megabytes)
    return _source(data, examples, valid, weights, others)


def image_source(
    data: RunData,
    side: int,
    mix: Callable[[tf.data.Dataset, int, int], tf.data.Dataset] | None = None,
) -> Source:
    """Returns the source of a phase that trains on images.

    Args:
        data: Of the run.
        side: Height and width of the model's input, pixels.
        mix: As in `Source`.
    """
    others = None
    if OTHER in data.images:
        others = data.images[OTHER].map(lambda image, label: image)
    return _source(
        data,
        data.images["views"],
        pipeline.make_eval_dataset(data.images["valid"], data.batch_size),
        data.weights,
        others,
        augment=run_data.resized(data.augment, side),
        mix=mix,
    )


def _source(
    data: RunData,
    examples: tf.data.Dataset,
    valid_inputs: tf.data.Dataset | np.ndarray,
    weights: np.ndarray | None,
    others: tf.data.Dataset | None,
    **changes: Any,
) -> Source:
    """Returns the source of a run's examples, and among them the other images that it has."""
    paths = data.catalog.examples("train")[0]
    if others is not None:
        examples = outlier_exposure.mixed(examples, others, len(data.catalog.class_names))
        paths = []
        if weights is not None:
            weights = outlier_exposure.mixed_weights(weights, len(others))
    valid_labels = data.catalog.examples("valid")[1]
    return Source(
        examples, valid_inputs, valid_labels, paths,
        weights=weights, has_others=others is not None, **changes,
    )  # fmt: skip


def fit(
    phase: Phase,
    model: keras.Model,
    source: Source,
    recipe: Recipe,
    checkpoints: CheckpointManager,
) -> None:
    """Trains a phase to its end, from its last committed epoch.

    Args:
        phase: Name, epochs and peak learning rate.
        model: Inputs of the source -> probabilities.
        source: Training and validation examples.
        recipe: How to train.
        checkpoints: Where epochs are committed.
    """
    steps = recipe.compile(model, phase, source)
    epoch = checkpoints.restore(phase.name, model) or phase.first_epoch
    if epoch >= phase.last_epoch:
        ema.finalize_ema(model)
        return
    factor = rate_factor(recipe.settings, recipe.batch_size)
    scaled = f"; learning rates times {factor:.3g}" if factor != 1 else ""
    print(f"Phase {phase.name}: epochs {epoch + 1} to {phase.last_epoch}{scaled}", flush=True)

    def validate() -> dict[str, float]:
        with ema.swapped_ema_weights(model):
            return source.validate(model)

    def batch_paths(epoch: int, step: int) -> list[str]:
        return source.batch_paths(epoch, step, recipe.seed, recipe.batch_size)

    batches, class_weight = source.batches(phase, epoch, recipe.seed, recipe.batch_size), None
    if source.has_others:
        weights = recipe.class_weight, recipe.settings.other_weight
        batches = outlier_exposure.weighted(batches, *weights)
    else:
        class_weight = recipe.class_weight
    with profiling.of_phase(model, phase.name, recipe.profile) as profilers:
        model.fit(
            batches,
            initial_epoch=epoch,
            epochs=phase.last_epoch,
            steps_per_epoch=steps,
            shuffle=False,  # `make_train_dataset` has shuffled
            class_weight=class_weight,
            verbose=0,  # `progress.EpochLines` says it
            callbacks=[
                *profilers,
                StopWhenDiverged(batch_paths, steps),
                CheckpointCallback(checkpoints, phase.name, validate),
                *recipe.callbacks,
            ],
        )


def _make_variables(model: keras.Model) -> None:
    """Makes the variables of optimizer and metrics, which otherwise the first step makes.

    TensorFlow traces a step that makes variables twice. With ResNet50 that is a quarter of the
    time that a first epoch on a few dozen images takes.
    """
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, model.output_shape[-1]), np.float32)
    strategy = model.distribute_strategy
    tf.function(lambda: strategy.run(model.compute_metrics, args=(None, nothing, nothing)))()
    model.reset_metrics()
    workers.prepare_fit(model)


def optimizer(phase: Phase, steps_per_epoch: int, settings: TrainingConfig) -> keras.Optimizer:
    """Returns AdamW of the schedule of a phase.

    Args:
        phase: Its epochs and peak learning rate.
        steps_per_epoch: Batches of an epoch.
        settings: Warm-up, weight decay and average of the weights (EMA).
    """
    steps = steps_per_epoch * (phase.last_epoch - phase.first_epoch)
    warmup_steps = round(settings.warmup_ratio * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else phase.learning_rate,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=phase.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    found = FusedAdamW(
        schedule,
        weight_decay=settings.weight_decay,
        use_ema=settings.ema_momentum > 0,
        ema_momentum=settings.ema_momentum,
    )
    # Weight decay is for kernels: biases and BatchNorm's scale and shift keep the values that the
    # data gives them (He et al., "Bag of Tricks for Image Classification", CVPR 2019, section 3.1).
    found.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return found
