"""The pictures of a run: read once, kept where they fit, and changed at random for training."""

import functools

import tensorflow as tf

from trash_keras.config import Config, DataConfig
from trash_keras.data import augmentation, pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.split import Split
from trash_keras.data.stores import Store


def pictures(
    data: DataConfig, catalog: Catalog, store: Store, view_size: int
) -> dict[str, tf.data.Dataset]:
    """Reads what a run needs; what is read more than once is kept where it fits.

    Args:
        data: How to read.
        catalog: Which pictures there are.
        store: Where they lie.
        view_size: Height and width of the pictures that training augments, pixels.

    Returns:
        For each split the dataset of `pipeline.pictures`, and as `views` the pictures of `train`
        that training augments.
    """

    def read(name: str, side: int = data.image_size, **options: bool) -> tf.data.Dataset:
        split = Split(catalog, name, store, side, data.resize, data.max_megapixels)
        return pipeline.pictures(split, cache_dir=data.cache_dir, **options)

    sides = {"train": view_size, "valid": data.image_size}  # the test split is read once
    pixels = sum(len(catalog.examples(split)[0]) * side**2 for split, side in sides.items())
    megabytes = 3 * pixels / 1e6
    cache = bool(data.cache_dir) or megabytes <= data.cache_megabytes
    if not cache:
        print(
            f"Pictures are decoded anew each epoch: {megabytes:,.0f} MB are over "
            f"--cache_megabytes={data.cache_megabytes}; --cache_dir keeps them on disk.",
            flush=True,
        )
    views = read("train", view_size, cache=cache, ordered=cache or data.ordered_reads)
    train = views if (cache and view_size == data.image_size) else read("train", cache=False)
    return {
        "train": train,
        "valid": read("valid", cache=cache),
        "test": read("test", cache=False),
        "views": views,
    }


def augment(config: Config) -> pipeline.Augment:
    """Returns the random changes of a run: (images, step) -> float32 images of the same size."""
    layers = augmentation.build(config.augmentation)
    return functools.partial(augmentation.augment, layers, config.runtime.seed)


def resized(augment: pipeline.Augment, side: int) -> pipeline.Augment:
    """Returns a change that is followed by smoothed scaling to `side` pixels, if that is needed."""

    def change(images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        images = augment(images, step)
        if images.shape[1] == side:
            return images
        return tf.image.resize(images, (side, side), antialias=True)

    return change
