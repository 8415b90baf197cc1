import keras
import numpy as np
import pytest

from trash_keras.training import ema


def model_with(optimizer, steps=3):
    """A weight w with loss (w - 1)^2, trained from 0 by plain steps."""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    return model


def weight(model):
    return model.get_weights()[0].item()


@pytest.mark.parametrize("wrap", [lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer])
def test_the_average_is_there_for_a_while(wrap):
    model = model_with(wrap(keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5)))
    before = weight(model)  # 1/2, 3/4, 7/8 after the steps, all above their average
    with ema.swapped_ema_weights(model):
        average = weight(model)
    assert before == pytest.approx(7 / 8)
    assert 1 / 2 < average < 7 / 8
    assert weight(model) == before
    ema.finalize_ema(model)
    assert weight(model) == average


def test_without_an_average_nothing_changes():
    model = model_with(keras.optimizers.SGD(0.25))
    before = weight(model)
    with ema.swapped_ema_weights(model):
        assert weight(model) == before
    ema.finalize_ema(model)
    assert weight(model) == before


def test_weights_come_back_after_an_error():
    model = model_with(keras.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5))
    before = weight(model)
    with pytest.raises(KeyboardInterrupt), ema.swapped_ema_weights(model):
        raise KeyboardInterrupt
    assert weight(model) == before
