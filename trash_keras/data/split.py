"""One split of a data set, with all that says how its images are read."""

import dataclasses
import os

import tensorflow as tf

from trash_keras.data import decoding, pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.stores import Store


@dataclasses.dataclass(frozen=True)
class Split:
    """Images of one split.

    Attributes:
        catalog: Which images there are.
        name: A split of `catalog`.
        store: Where the images lie.
        image_size: Height and width that they are given, pixels.
        resize: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.
    """

    catalog: Catalog
    name: str
    store: Store
    image_size: int
    resize: str
    max_megapixels: float = decoding.MAX_MEGAPIXELS

    def load(
        self, cache: bool = True, cache_dir: str | os.PathLike = "", ordered: bool = True
    ) -> tf.data.Dataset:
        """Reads the images, see `pipeline.pictures`.

        Args:
            cache: False for a split that is read once, or is too large.
            cache_dir: Folder for a file cache; empty caches in memory.
            ordered: False gives the images, each with its label, as they arrive.

        Returns:
            Dataset of (image uint8 [image_size, image_size, 3], label one-hot float32 [classes]).
        """
        return pipeline.pictures(
            self.catalog,
            self.name,
            self.store,
            image_size=self.image_size,
            resize=self.resize,
            max_megapixels=self.max_megapixels,
            cache=cache,
            cache_dir=cache_dir,
            ordered=ordered,
        )
