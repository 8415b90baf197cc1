"""EMA: the exponential moving average of the weights, which is scored and saved, not trained on.

As a Keras optimizer keeps it with `use_ema`. It moves less from epoch to epoch than the weights:
Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def swapped_ema_weights(model: keras.Model) -> Iterator[None]:
    """Gives a compiled model its averaged weights for a while; does nothing without EMA."""
    if not _keeps_average(model):
        yield
        return
    weights = [variable.numpy() for variable in model.trainable_variables]
    finalize_ema(model)
    try:
        yield
    finally:
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            variable.assign(weight)


def finalize_ema(model: keras.Model) -> None:
    """Gives a model its averaged weights permanently, as `fit` does at its end."""
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _keeps_average(model: keras.Model) -> bool:
    # In float16, the optimizer is wrapped in one that scales the loss.
    return getattr(model.optimizer, "inner_optimizer", model.optimizer).use_ema
