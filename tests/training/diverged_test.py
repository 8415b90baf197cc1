"""What is said when training cannot go on: a loss that is not finite, and want of memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.data.catalog import Catalog
from trash_keras.training import devices, features
from trash_keras.training.diverged import StopWhenDiverged
from trash_keras.training.trainer import train_and_evaluate


def test_the_step_its_rate_and_its_images_are_named(
    data_dir, tmp_path, toy_backbone, configure, monkeypatch
):
    """The features of one image are made infinite, and its batch is found."""
    config = configure(data_dir, toy_backbone, head_epochs=2, finetune_epochs=0)
    compute = features.compute

    def spoil(extractor, dataset, **options):
        found = np.array(compute(extractor, dataset, **options))
        if options["cache_file"].stem == "train":
            found[5] = np.inf
        return found

    monkeypatch.setattr(features, "compute", spoil)
    message = r"diverged in epoch 1, step \d of 3, at a learning rate of [\d.e-]+: the loss is nan"
    with pytest.raises(ValueError, match=message) as error:
        train_and_evaluate(config, tmp_path / "run")
    path = Catalog.load(tmp_path / "run" / "catalog.json").examples("train")[0][5]
    named = str(error.value).split("The images of step ")[1]
    assert path in named and named.count(".png") == 8
    assert not (tmp_path / "run" / "model.keras").exists()


def test_it_stops_at_the_step_and_not_at_the_end_of_the_epoch():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    inputs = tf.data.Dataset.from_tensor_slices((np.array([[1.0], [2.0], [np.inf], [4.0]]),) * 2)
    callback = StopWhenDiverged(lambda epoch, step: [f"{n}.jpg" for n in range(step * 5)], 4)
    with pytest.raises(ValueError, match=r"epoch 1, step 3 of 4, .* of 0.5: .*7.jpg and 2 more\."):
        model.fit(inputs.batch(1), callbacks=[callback], verbose=0)


def test_of_several_steps_at_once_all_are_named():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse", steps_per_execution=2)
    inputs = tf.data.Dataset.from_tensor_slices((np.array([[1.0], [2.0], [np.inf], [4.0]]),) * 2)
    callback = StopWhenDiverged(lambda epoch, step: [f"{step}.jpg"], 4)
    with pytest.raises(ValueError, match=r"steps 3 to 4 of 4, .* steps 3 to 4: 2.jpg, 3.jpg\."):
        model.fit(inputs.batch(1), callbacks=[callback], verbose=0)


@pytest.mark.parametrize(
    ("size", "advice"), [(64, "Try --batch_size=32"), (1, "Try a smaller --image_size")]
)
def test_want_of_memory_names_a_smaller_batch(size, advice):
    """By real ones: more than any machine has."""
    message = f"not enough memory for --batch_size={size}. {advice}"
    with pytest.raises(ValueError, match=message), devices.telling_of_memory(size):
        np.empty(2**60, np.uint8)
    with pytest.raises(ValueError, match=message), devices.telling_of_memory(size):
        tf.zeros((2**22, 2**22))


def test_a_full_disk_is_not_taken_for_want_of_memory():
    error = tf.errors.ResourceExhaustedError(None, None, "x; No space left on device")
    with pytest.raises(tf.errors.ResourceExhaustedError), devices.telling_of_memory(8):
        raise error
