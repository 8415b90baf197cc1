"""Averages of weights: they are scored and saved, while training goes on without them.

Of the steps of one training, as a Keras optimizer keeps it with `use_ema`: it moves less from
epoch to epoch (Polyak & Juditsky, 1992). And of several trainings from the same start, a model
soup: they end in one basin, whose middle is better than its rim (Wortsman et al., 2022,
https://arxiv.org/abs/2203.05482).
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np


@contextlib.contextmanager
def averaged(model: keras.Model, others: Sequence[Sequence[np.ndarray]] = ()) -> Iterator[None]:
    """Gives a model its averaged weights for a while; changes nothing without an average.

    Args:
        model: Compiled.
        others: Trainable weights of other trainings, which count as much as this one.
    """
    if not others and not _keeps_average(model):
        yield
        return
    weights = trainable_weights(model)
    settle(model)
    if others:
        members = zip(trainable_weights(model), *others, strict=True)
        assign(model, (np.mean(each, axis=0) for each in members))
    try:
        yield
    finally:
        assign(model, weights)


def assign(model: keras.Model, weights: Iterable[np.ndarray]) -> None:
    """Sets the trainable weights to what `trainable_weights` returned."""
    for variable, weight in zip(model.trainable_variables, weights, strict=True):
        variable.assign(weight)


def trainable_weights(model: keras.Model) -> list[np.ndarray]:
    """Returns copies of the trainable weights, in the order of `model.trainable_variables`."""
    return [variable.numpy() for variable in model.trainable_variables]


def settle(model: keras.Model) -> None:
    """Gives a model its averaged weights for good, as `fit` does at its end."""
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _keeps_average(model: keras.Model) -> bool:
    # In float16, the optimizer is wrapped in one that scales the loss.
    return getattr(model.optimizer, "inner_optimizer", model.optimizer).use_ema
