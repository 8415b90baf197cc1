"""Checks for any layer of data augmentation, as Keras' `run_layer_test` does for all layers."""

import functools

import keras
import numpy as np
import tensorflow as tf

from trash_keras.data.augmentation.layers import apply_layers

IMAGES = np.full((6, 32, 32, 3), 215, np.uint8)  # objects on plain board
for number, image in enumerate(IMAGES):
    image[10:22, 8:22] = (60 + 9 * number, 20, 120)
    image[12:14] = 90
STEPS = 4
CLOSE = 1e-2  # grey levels between an eager and a traced call


def check_augmentation(layer, folder, images=IMAGES):
    """Checks what training relies on; `layer` is one layer, or several in a `Pipeline`.

    Args:
        layer: A `keras.layers.Layer` that changes most images.
        folder: Where a model with the layer may be saved.
        images: uint8 [batch, height, width, 3].
    """
    layers = layer.layers if isinstance(layer, keras.layers.Pipeline) else [layer]
    plain = images.astype("float32")
    _check_call(layer, images, plain)
    _check_tf_data(layer, images)
    changed = _check_determinism(layers, images)
    copies = [type(each).from_config(each.get_config()) for each in layers]
    assert [copy.get_config() for copy in copies] == [each.get_config() for each in layers]
    np.testing.assert_array_equal(_all_steps(copies, 3, images), changed)
    _check_saving(layers, folder, plain, changed)


def check_range(changed, images):
    """Checks the shape, dtype and range of what a layer made of images."""
    assert changed.dtype == np.float32 and changed.shape == images.shape
    assert changed.min() >= 0 and changed.max() <= 255


def _check_call(layer, images, plain):
    changed = layer(images, training=True)
    check_range(changed.numpy(), images)
    assert np.abs(changed - plain).max() > 1
    np.testing.assert_array_equal(layer(images, training=False), plain)
    # Each call draws anew, and whole numbers are the same as fractions.
    assert np.abs(layer(images, training=True) - changed).max() > 1
    check_range(layer(plain, training=True).numpy(), images)
    symbolic = layer(keras.Input(images.shape[1:]))
    assert (symbolic.shape, symbolic.dtype) == ((None, *images.shape[1:]), "float32")


def _check_tf_data(layer, images):
    dataset = tf.data.Dataset.from_tensors(images).repeat(STEPS)
    for training in (True, False):
        call = functools.partial(layer, training=training)
        # In turn: calls side by side may find Keras' counter of random numbers at the same place.
        mapped = dataset.map(call)
        assert mapped.element_spec == tf.TensorSpec(images.shape, tf.float32)
        batches = np.stack([batch.numpy() for batch in mapped])
        check_range(batches[0], images)
        assert len(np.unique(batches, axis=0)) == (STEPS if training else 1)
    np.testing.assert_array_equal(batches[0], images)


def _check_determinism(layers, images):
    """Returns the images of all steps, after a look at whether seed and step alone decide."""
    changed = _all_steps(layers, 3, images)
    check_range(changed[0], images)
    np.testing.assert_array_equal(_all_steps(layers, 3, images), changed)
    np.testing.assert_array_equal(_all_steps(layers, 3, images.astype("float32")), changed)
    assert len(np.unique(changed, axis=0)) == STEPS
    assert np.abs(_all_steps(layers, 4, images) - changed).max() > 1
    augment = functools.partial(apply_layers, layers, 3, tf.constant(images))
    dataset = tf.data.Dataset.range(STEPS).map(augment, num_parallel_calls=STEPS)
    assert dataset.element_spec == tf.TensorSpec(images.shape, tf.float32)
    for _ in range(2):  # no count of the calls is kept
        np.testing.assert_allclose(np.stack(list(dataset)), changed, atol=CLOSE)
    return changed


def _all_steps(layers, seed, images):
    return np.stack([apply_layers(layers, seed, images, step) for step in range(STEPS)])


def _check_saving(layers, folder, plain, changed):
    model = keras.Sequential([keras.Input(plain.shape[1:]), *layers])
    np.testing.assert_array_equal(model.predict(plain, verbose=0), plain)
    model.save(folder / "augmented.keras")
    loaded = keras.models.load_model(folder / "augmented.keras")
    np.testing.assert_array_equal(loaded.predict(plain, verbose=0), plain)
    check_range(loaded(plain, training=True).numpy(), plain)
    np.testing.assert_array_equal(_all_steps(loaded.layers, 3, plain), changed)
