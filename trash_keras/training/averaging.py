"""The moving average of the weights that a Keras optimizer keeps with `use_ema`.

Training goes on with the weights as they are; what is scored and saved is their average, which
moves less from epoch to epoch (Polyak & Juditsky, 1992).
"""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Gives a model its averaged weights for a while; changes nothing without an average.

    Args:
        model: Compiled.
    """
    if not _keeps_average(model):
        yield
        return
    weights = [variable.numpy() for variable in model.trainable_variables]
    settle(model)
    try:
        yield
    finally:
        for variable, weight in zip(model.trainable_variables, weights, strict=True):
            variable.assign(weight)


def settle(model: keras.Model) -> None:
    """Gives a model its averaged weights for good, as `fit` does at its end."""
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _keeps_average(model: keras.Model) -> bool:
    # In float16, the optimizer is wrapped in one that scales the loss.
    return getattr(model.optimizer, "inner_optimizer", model.optimizer).use_ema
