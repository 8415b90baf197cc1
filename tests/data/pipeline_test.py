import dataclasses
import functools
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trash_keras.config import AugmentationConfig
from trash_keras.data import decoding, pipeline
from trash_keras.data.augmentation.layers import apply_layers, build_layers
from trash_keras.data.catalog import Catalog, scan, single_split
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.metadata import ModelMetadata


def read(catalog, data_dir, **options):
    return pipeline.load_split(Split(catalog, "all", FolderReader(data_dir), 16), **options)


def numbers(count=10):
    return tf.data.Dataset.range(count).map(lambda i: (i, tf.one_hot(i, count)))


def epoch_order(**options):
    batches = pipeline.make_train_dataset(numbers(), batch_size=4, seed=3, **options)
    return [x.numpy().astype(int).tolist() for x, _ in batches]


@pytest.mark.parametrize("cached_in", ["memory", "file"])
def test_images_are_decoded_once(data_dir, tmp_path, monkeypatch, cached_in):
    decoded = []
    load = decoding.load

    def counting(encoded, *arguments):
        decoded.append(encoded)
        return load(encoded, *arguments)

    monkeypatch.setattr(decoding, "load", counting)
    cache_dir = tmp_path / "cache" if cached_in == "file" else ""
    inputs = read(single_split(scan(data_dir)), data_dir, cache_dir=cache_dir)
    list(pipeline.make_train_dataset(inputs, batch_size=8, seed=0, first_epoch=0, last_epoch=3))
    list(pipeline.make_eval_dataset(inputs, 8))
    assert len(decoded) == len(set(decoded)) == 36


def test_a_model_gets_the_same_images_in_its_own_form(data_dir):
    split = Split(single_split(scan(data_dir)), "all", FolderReader(data_dir), 16, "crop")
    own = split.for_model(ModelMetadata(("a", "b", "c"), 24, "pad"))
    assert own == dataclasses.replace(split, image_size=24, resize="pad")


def test_images_come_in_order_unless_that_does_not_matter(data_dir, tmp_path):
    class Asked(FolderReader):
        by_file = False

        def encoded(self, paths, ordered):
            asked.append(ordered)
            return super().encoded(paths, ordered)

    asked = []
    split = Split(single_split(scan(data_dir)), "all", Asked(data_dir), 16)
    pipeline.load_split(split)
    pipeline.load_split(split, ordered=False)
    pipeline.load_split(split, ordered=False, cache_dir=tmp_path)  # a file has an order
    assert asked == [True, False, True]


def test_a_change_is_made_before_an_image_becomes_square(data_dir):
    def whiten(image):
        return np.where(np.arange(image.shape[1])[:, None] < 7, 255, image).astype(np.uint8)

    catalog = single_split(scan(data_dir))
    path = catalog.examples("all")[0][0]
    decoded = decoding.decode((data_dir / path).read_bytes())
    expected = decoding.resize_to_square(whiten(decoded), 16, "stretch")
    assert (expected[:, 0] == 255).all() and not (expected[:, -1] == 255).all()
    np.testing.assert_array_equal(
        next(iter(read(catalog, data_dir, cache=False, change=whiten)))[0], expected
    )


def test_an_image_that_is_gone_is_named(data_dir):
    catalog = single_split(scan(data_dir))
    path = catalog.examples("all")[0][3]
    (data_dir / path).unlink()
    said = f"An image is gone or damaged: {path}: cannot be read: No such file or directory. It was"
    with pytest.raises(ValueError, match=re.escape(said)), pipeline.naming_images():
        list(read(catalog, data_dir))


def test_a_changed_file_is_not_read_from_an_old_cache(data_dir, tmp_path):
    catalog = single_split(scan(data_dir))
    before = [image for image, _ in read(catalog, data_dir, cache_dir=tmp_path / "cache")]
    path = data_dir / catalog.examples("all")[0][0]
    Image.new("RGB", (20, 20), "white").save(path)
    after = [image for image, _ in read(catalog, data_dir, cache_dir=tmp_path / "cache")]
    assert np.all(after[0] == 255) and not np.all(before[0] == 255)


def test_an_epoch_has_every_image_and_full_batches():
    batches = epoch_order(first_epoch=0, last_epoch=2)
    first, second = np.ravel(batches[:3]).tolist(), np.ravel(batches[3:]).tolist()
    for flat in (first, second):
        assert set(flat) == set(range(10)) and len(flat) == 12 and flat[10:] == flat[:2]
    assert first != second


def test_a_resumed_epoch_is_that_of_an_uninterrupted_run():
    assert epoch_order(first_epoch=1, last_epoch=3) == epoch_order(first_epoch=0, last_epoch=3)[3:]


def test_augmentation_of_a_resumed_epoch_is_the_same(data_dir):
    inputs = read(single_split(scan(data_dir)), data_dir)
    layers = build_layers(AugmentationConfig())
    options = {"batch_size": 8, "seed": 5, "last_epoch": 2,
               "augment": functools.partial(apply_layers, layers, 5)}  # fmt: skip
    whole_run = [
        x.numpy() for x, _ in pipeline.make_train_dataset(inputs, first_epoch=0, **options)
    ]
    resumed = [x.numpy() for x, _ in pipeline.make_train_dataset(inputs, first_epoch=1, **options)]
    np.testing.assert_array_equal(np.stack(whole_run[5:]), np.stack(resumed))


def test_training_shapes_are_static(data_dir):
    dataset = pipeline.make_train_dataset(
        read(single_split(scan(data_dir)), data_dir),
        batch_size=8,
        seed=0,
        first_epoch=0,
        last_epoch=1,
    )
    assert dataset.element_spec == (
        tf.TensorSpec((8, 16, 16, 3), tf.float32),
        tf.TensorSpec((8, 3), tf.float32),
    )


def test_evaluation_is_in_order_untouched_and_padded(data_dir):
    catalog = single_split(scan(data_dir))
    inputs = read(catalog, data_dir)
    batches = pipeline.make_eval_dataset(inputs, 8)
    assert batches.element_spec == tf.TensorSpec((8, 16, 16, 3), tf.float32)
    images = np.concatenate(list(batches.as_numpy_iterator()))
    paths, labels = catalog.examples("all")
    assert len(images) == 40 and not images[36:].any()
    for path, image in zip(paths, images[:36], strict=True):
        expected = decoding.load((data_dir / path).read_bytes(), 16, "stretch")
        np.testing.assert_array_equal(image, expected)
    kept = np.stack([label for _, label in inputs.as_numpy_iterator()])
    np.testing.assert_array_equal(kept.argmax(axis=1), labels)


def test_class_weights_make_every_class_count_alike():
    counts = {"a": 10, "b": 30, "c": 60}
    weights = pipeline.class_weights(counts)
    totals = [weights[label] * count for label, count in enumerate(counts.values())]
    np.testing.assert_allclose(totals, 100 / 3)


SOURCES = Catalog(
    ("a", "b"),
    {"train": {"a": (*(f"home/a/{i}" for i in range(64)), *(f"web/a/{i}" for i in range(4))),
               "b": tuple(f"home/b/{i}" for i in range(17))}},
    sources=("home", "web"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("method", "shares"), [("none", (64, 4)), ("sqrt", (8, 2)), ("balanced", (1, 1))]
)
def test_sources_share_the_weight_of_each_class(method, shares):
    class_weight = pipeline.class_weights(SOURCES.counts()["train"])
    weights = pipeline.example_weights(SOURCES, class_weight, method)
    paths, _ = SOURCES.examples("train")
    total = {
        name: sum(w for path, w in zip(paths, weights, strict=True) if path.startswith(name))
        for name in ("home/a", "web/a", "home/b")
    }
    # Each class still has half of the weight of all 85 images.
    np.testing.assert_allclose(total["home/a"] + total["web/a"], 42.5, rtol=1e-5)
    np.testing.assert_allclose(total["home/b"], 42.5, rtol=1e-5)
    np.testing.assert_allclose(total["web/a"] / total["home/a"], shares[1] / shares[0], rtol=1e-5)
    unweighted = pipeline.example_weights(SOURCES, None, method)
    np.testing.assert_allclose(unweighted.sum(), 85, rtol=1e-5)
    if method == "none":
        np.testing.assert_allclose(unweighted, 1)


def test_a_class_without_training_images_has_no_weight():
    assert pipeline.class_weights({"a": 10, "b": 0, "c": 30}) == {0: 2.0, 2: pytest.approx(2 / 3)}


def test_weights_stay_with_their_examples():
    numbers = np.arange(10, dtype=np.float32)
    dataset = tf.data.Dataset.from_tensor_slices((numbers, np.eye(2)[[0] * 10], numbers + 0.5))
    batches = pipeline.make_train_dataset(
        dataset, batch_size=4, seed=0, first_epoch=0, last_epoch=2, augment=lambda x, _: x * 2
    )
    for inputs, _, weights in batches.as_numpy_iterator():
        np.testing.assert_array_equal(inputs / 2 + 0.5, weights)
