"""Fine-tuning of a classifier's top on images of two places, without forgetting the first.

All images run once through the frozen part of the backbone. Its top and the head then learn the
labels of the new place, and on images of home what the model said of them before: distillation on
rehearsed images (Buzzega et al., "Dark Experience for General Continual Learning: a Strong, Simple
Baseline", NeurIPS 2020).
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np
import tensorflow as tf
from scipy.special import softmax
from tqdm.keras import TqdmCallback

from trash_keras.config import TrainingConfig
from trash_keras.data import pipeline
from trash_keras.data.pipeline import Split
from trash_keras.models import backbone_top, classifier
from trash_keras.training import devices, features, stages
from trash_keras.training.adapt_source import Source
from trash_keras.training.head_refit import Examples, Head, Prior, balanced
from trash_keras.training.kept_features import MEGABYTES as KEPT_MEGABYTES

TOP_SHARE = 1 / 3  # of the backbone's layers at most; more forgets more, and takes longer
MEGABYTES = 500.0  # of activations of home's images at most, in memory
LEARNING_RATE = 1e-4
BATCH_SIZE = 32
SETTINGS = TrainingConfig(ema_momentum=0.0)  # of the schedule


@dataclasses.dataclass(frozen=True, eq=False)
class TopTraining:
    """Images of both places at the cut, and the weights that every training starts from.

    Attributes:
        top: Activations -> features; trained in place.
        start: Its weights before.
        home: Images of home that are trained on.
        new: float32 [N, ...], activations of the new place.
        old: float32 [M, ...], those of home.
        teacher: float [M, classes], probabilities that the model gives to home's images.
    """

    top: keras.Model
    start: Sequence[np.ndarray]
    home: Split
    new: np.ndarray
    old: np.ndarray
    teacher: np.ndarray

    @classmethod
    def prepare(
        cls, source: Source, place: Sequence[Split], home: Split, prior: Prior, batch_size: int
    ) -> Self:
        """Runs the images through the frozen part of the backbone.

        Args:
            source: The model; its layers are frozen and unfrozen.
            place: Images of the new place.
            home: Images to train on; where they are too many, as many as fit.
            prior: Of the model's head, with the classes of both places.
            batch_size: Images per step.
        """
        bottom, top = backbone_top.split(source.classifier, TOP_SHARE)
        fitting = MEGABYTES * 1e6 / 4 / np.prod(bottom.output_shape[1:])
        kept = KEPT_MEGABYTES * 1e6 / 2 / top.output_shape[-1]
        sample = home.catalog.stratified_sample(home.name, max(1, int(min(fitting, kept))))
        home = dataclasses.replace(home, catalog=sample)

        def activations(split: Split) -> np.ndarray:
            images = pipeline.load_split(split.for_model(source.metadata), cache=False)
            rows = np.empty((len(images), *bottom.output_shape[1:]), np.float32)
            batches = pipeline.make_eval_dataset(images, batch_size)
            features.fill(rows, bottom, batches, batch_size, "Frozen layers")
            return rows

        new, old = np.concatenate([activations(split) for split in place]), activations(home)
        logits = prior.head.logits(top.predict(old, batch_size=batch_size, verbose=0))
        return cls(top, top.get_weights(), home, new, old, softmax(logits, axis=1))

    def undo(self) -> None:
        """Gives the top the weights that it had before."""
        self.top.set_weights(self.start)

    def fit(self, head: Head, images: Examples, rows: np.ndarray, epochs: int, seed: int) -> Head:
        """Fine-tunes the top from its first weights, and the head with it.

        Both places weigh alike; within them, images do as in refitting the head.

        Args:
            head: To start from.
            images: All of the new place.
            rows: int [K], which of them to train on.
            epochs: Over these and home's.
            seed: Decides their order.

        Returns:
            The head after.
        """
        self.undo()
        devices.set_seed(seed, deterministic=False)
        targets = images.only(rows).targets(len(head.bias))
        weights = targets.sum(axis=1)
        both = np.concatenate([weights / weights.sum(), balanced(self.home.examples()[1])])
        labels = np.concatenate([targets / weights[:, None], self.teacher])
        inputs = np.concatenate([self.new[rows], self.old])
        examples = tf.data.Dataset.zip(
            features.dataset(inputs, 2 * MEGABYTES),
            *map(
                tf.data.Dataset.from_tensor_slices,
                (labels.astype(np.float32), (both / both.mean()).astype(np.float32)),
            ),
        )
        phase = stages.Phase(stages.FINETUNE, 0, epochs, LEARNING_RATE)
        steps = pipeline.steps_per_epoch(len(examples), BATCH_SIZE)
        model = self._model(head)
        model.compile(
            stages.optimizer(phase, steps, SETTINGS), keras.losses.CategoricalCrossentropy()
        )
        batches = pipeline.make_train_dataset(
            examples, batch_size=BATCH_SIZE, seed=seed, first_epoch=0, last_epoch=epochs
        )
        model.fit(
            batches,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,  # `make_train_dataset` has shuffled
            verbose=0,
            callbacks=[TqdmCallback(epochs, desc="Fine-tuning", verbose=0)],
        )
        return Head(*model.get_layer(classifier.LOGITS).get_weights())

    def _model(self, head: Head) -> keras.Model:
        """Returns the model that is trained: activations -> probabilities."""
        logits = keras.layers.Dense(len(head.bias), dtype="float32", name=classifier.LOGITS)
        outputs = keras.layers.Softmax(dtype="float32")(logits(self.top.output))
        logits.set_weights([head.kernel, head.bias])
        return keras.Model(self.top.input, outputs)
