"""Whether fine-tuning the backbone's top is kept in adapting: a choice on held-out images."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from trash_keras.data.pipeline import Split
from trash_keras.training import adapt_source, head_refit, refit_choice
from trash_keras.training.adapt_options import AUTO, AdaptOptions
from trash_keras.training.adapt_source import Home, Source
from trash_keras.training.adapt_training import TopTraining
from trash_keras.training.calibrate import HeldOut
from trash_keras.training.head_refit import Examples, Head, Prior
from trash_keras.training.kept_features import KeptFeatures
from trash_keras.training.new_place import NewPlace
from trash_keras.training.refit_choice import Refit

AUTO_EPOCHS = 3
FEWEST = 20  # images of each class from which `auto` tries it
FOLDS = 3  # each is a fine-tuning


@dataclasses.dataclass(frozen=True)
class Plan:
    """Whether to try fine-tuning.

    Attributes:
        epochs: To try; 0 for none.
        forced: Whether it is kept without a choice.
        home: The images that the model was trained and chosen on, splits `train` and `valid`.
        reason: Why it is left out, a sentence.
    """

    epochs: int
    forced: bool = False
    home: Mapping[str, Split] = dataclasses.field(default_factory=dict)
    reason: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Adapted:
    """What adapting ends with.

    Attributes:
        found: The head, and held-out images of the new place.
        examples: Images of the new place as the final backbone sees them.
        kept: Features of home's images, by the final backbone.
        home: Images by which forgetting is measured, by the backbone before.
        home_features: float32 [M, channels], the same images by the final backbone.
        about: `epochs` of fine-tuning that the model went through, and in words a `verdict`.
    """

    found: Refit
    examples: Examples
    kept: KeptFeatures
    home: Home
    home_features: np.ndarray
    about: Mapping[str, Any]


def plan(settings: AdaptOptions, source: Source, place: NewPlace) -> Plan:
    """Decides whether fine-tuning is tried.

    Raises:
        ValueError: A number of epochs is asked for, and home's images are not at hand.
    """
    wanted = str(settings.finetune_epochs)
    if wanted == "0":
        return Plan(0, reason="Fine-tuning was left out, as --finetune_epochs=0 asks.")
    number, name = min((count, name) for name, count in place.counts().items() if count)
    if wanted == AUTO and number < FEWEST:
        reason = f"it takes {FEWEST} images of each class, and {name} has {number}"
        return Plan(0, reason=f"Fine-tuning was left out: {reason}.")
    try:
        home = {
            split: adapt_source.home_split(source, str(settings.home_dir), split)
            for split in ("train", "valid")
        }
    except (ValueError, OSError, ImportError) as error:
        why = str(error).rstrip(".")
        needs = f"the images that the model was trained on, or it would forget them: {why}."
        needs += "" if settings.home_dir else " --home_dir=DIR names their folder."
        if wanted == AUTO:
            return Plan(0, reason=f"Fine-tuning was left out. It needs {needs}")
        raise ValueError(f"--finetune_epochs={wanted} needs {needs}") from error
    if wanted == AUTO:
        return Plan(AUTO_EPOCHS, home=home)
    return Plan(int(wanted), True, home)


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """Fine-tuning, and what it is held against.

    Attributes:
        plan: What to try.
        settings: Of the run.
        source: The model to adapt; its backbone is trained in place.
        place: Images of the new place.
        prior: Of the old head.
        plain: What refitting the head alone gave.
    """

    plan: Plan
    settings: AdaptOptions
    source: Source
    place: NewPlace
    prior: Prior
    plain: Adapted

    def run(self) -> Adapted:
        """Fine-tunes the top of the backbone, and keeps that or `plain`.

        It is kept where held-out images of the new place gain in cross-entropy and lose no
        accuracy, and home's validation images lose no more than `max_home_loss`, see
        `refit_choice.keeps_home`; or if it is forced.
        """
        if not self.plan.epochs:
            return self._plain(self.plan.reason)
        train, valid = self.plan.home["train"], self.plan.home["valid"]
        before = self._features(valid)
        batch_size = self.settings.batch_size
        training = TopTraining.prepare(
            self.source, self.place.splits, train, self.prior, batch_size
        )
        start, held_out = self._cross_validate(training)
        helps, told = _new_place(start, held_out)
        if not (helps or self.plan.forced):
            training.undo()
            return self._plain(f"{self._tried()}, since it does not help: {told}.")
        head = self._fit(training, np.arange(len(held_out.labels)))[1]
        kept = self._kept(training, valid)
        spared, lost = self._home(before, head, kept)
        if not (spared or self.plan.forced):
            training.undo()
            return self._plain(f"{self._tried()}, since home loses too much: {told}; {lost}.")
        verdict = f"The backbone was fine-tuned, {self.plan.epochs} epochs: {told}; {lost}."
        return self._tuned(held_out, head, kept, before, verdict)

    def _tried(self) -> str:
        return f"Fine-tuning of {self.plan.epochs} epochs was tried and dropped"

    def _plain(self, verdict: str) -> Adapted:
        return dataclasses.replace(self.plain, about={"epochs": 0, "verdict": verdict})

    def _features(self, *splits: Split) -> np.ndarray:
        """Returns features of images by the backbone as it is now."""
        size = self.settings.batch_size
        return np.concatenate(
            [self.source.features(split, size, "Features, fine-tuning") for split in splits]
        )

    def _fit(self, training: TopTraining, rows: np.ndarray) -> tuple[Head, Head]:
        """Returns the heads refitted to some images: before and after fine-tuning on them."""
        images, seed = self.place.examples, self.settings.seed
        (start,) = self.prior.fit(images.only(rows), [self.plain.found.strength])
        return start, training.fit(start, images, rows, self.plan.epochs, seed)

    def _cross_validate(self, training: TopTraining) -> tuple[np.ndarray, HeldOut]:
        """Returns held-out images before fine-tuning (logits) and after it."""
        images = self.place.examples
        logits = np.empty((2, len(images.labels), len(self.prior.head.bias)))
        features = np.empty_like(images.features)
        for rows, out in head_refit.folds(images.labels, self.settings.seed, FOLDS):
            start, head = self._fit(training, rows)
            features[out] = self._features(*self.place.splits)[out]
            logits[0, out] = start.logits(images.features[out])
            logits[1, out] = head.logits(features[out])
        return logits[0], HeldOut(images.labels, logits[1], features)

    def _kept(self, training: TopTraining, valid: Split) -> KeptFeatures:
        """Returns home's images by the backbone as it is now."""
        names, known = self.plain.kept.class_names, self.source.metadata.class_names
        own = np.array([names.index(name) for name in known])
        train_labels, valid_labels = (own[each.examples()[1]] for each in (training.home, valid))
        features = (self._features(split) for split in (training.home, valid))
        return KeptFeatures(names, next(features), train_labels, next(features), valid_labels)

    def _home(self, before: np.ndarray, head: Head, kept: KeptFeatures) -> tuple[bool, str]:
        """Tells whether home's validation images lose no more than allowed, and in words."""
        rights = [
            (each.logits(features).argmax(axis=1) == kept.valid_labels).astype(float)
            for each, features in ((self.prior.head, before), (head, kept.valid))
        ]
        spared = refit_choice.keeps_home(rights[0] - rights[1], self.settings.max_home_loss)
        told = f"of {len(before)} validation images of home {rights[1].mean():.1%}, before "
        return bool(spared), f"{told}{rights[0].mean():.1%}"

    def _tuned(
        self, held_out: HeldOut, head: Head, kept: KeptFeatures, before: np.ndarray, verdict: str
    ) -> Adapted:
        known = held_out.labels != head_refit.NO_CLASS
        of_class, others = (
            HeldOut(held_out.labels[rows], held_out.logits[rows], held_out.features[rows])
            for rows in (known, ~known)
        )
        folds = len(head_refit.folds(held_out.labels, self.settings.seed, FOLDS))
        found = Refit(head, of_class, others, self.plain.found.strength, folds)
        examples = self.place.examples
        examples = dataclasses.replace(examples, features=self._features(*self.place.splits))
        home, valid = self.plain.home, self.plan.home["valid"]
        if home.split:
            after = self._features(home.split)
        else:  # of the kept ones there are no images
            home = Home(valid.examples()[1], before, "validation images", valid)
            after = kept.valid
        about = {"epochs": self.plan.epochs, "verdict": verdict}
        return Adapted(found, examples, kept, home, after, about)


def _new_place(start: np.ndarray, held_out: HeldOut) -> tuple[bool, str]:
    """Tells whether held-out images of the new place gain, and in words.

    Args:
        start: float [N, classes], logits before fine-tuning.
        held_out: After it.
    """
    known = held_out.labels != head_refit.NO_CLASS
    labels, both = held_out.labels[known], (start[known], held_out.logits[known])
    losses = [refit_choice.loss(logits, labels) for logits in both]
    rights = [float((logits.argmax(axis=1) == labels).mean()) for logits in both]
    told = f"of {len(labels)} held-out images of the new place it classifies {rights[1]:.1%}"
    helps = losses[1] < losses[0] and rights[1] >= rights[0]
    return helps, f"{told} correctly, the refitted head alone {rights[0]:.1%}"
