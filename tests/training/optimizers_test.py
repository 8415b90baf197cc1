import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.training.optimizers import FusedAdamW

SETTINGS = {"weight_decay": 0.1, "use_ema": True, "ema_momentum": 0.9, "clipnorm": 0.5}


def trained(kind, strategy):
    """Returns weights and state after ten steps on two variables; `bias` does not decay."""
    generator = np.random.default_rng(0)
    with strategy.scope():
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 12)
        optimizer = kind(schedule, **SETTINGS)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        layer = keras.layers.Dense(3)
        layer.build((None, 5))
        layer.kernel.assign(generator.normal(size=(5, 3)))
        optimizer.build(layer.trainable_variables)

    @tf.function
    def step(gradients):
        strategy.run(lambda: optimizer.apply(gradients, layer.trainable_variables))

    for _ in range(10):
        shapes = ((5, 3), (3,))
        step([tf.constant(generator.normal(size=shape), tf.float32) for shape in shapes])
    return [np.asarray(value) for value in [*layer.weights, *optimizer.variables]]


@pytest.mark.parametrize("mirrored", [False, True])
def test_it_is_the_adamw_of_keras(mirrored):
    strategy = (
        tf.distribute.MirroredStrategy(["CPU:0"]) if mirrored else (tf.distribute.get_strategy())
    )
    ours, theirs = trained(FusedAdamW, strategy), trained(keras.optimizers.AdamW, strategy)
    assert len(ours) == len(theirs) == 9
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
