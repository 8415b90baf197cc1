"""A split of the data: which images, where they lie, and the form in which a model gets them."""

import dataclasses

import numpy as np

from trash_keras.config import DataConfig
from trash_keras.data import decoding
from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import Reader
from trash_keras.metadata import ModelMetadata


@dataclasses.dataclass(frozen=True)
class Split:
    """Labelled images of one split.

    Attributes:
        catalog: Which images there are.
        name: The split of the catalog that counts: train, valid, test or all.
        reader: Where the images lie.
        image_size: Height and width of the square images, pixels.
        resize: How they become square: stretch, crop or pad.
        max_megapixels: Most pixels to decode, millions.
    """

    catalog: Catalog
    name: str
    reader: Reader
    image_size: int = DataConfig.image_size
    resize: str = DataConfig.resize
    max_megapixels: float = decoding.MAX_MEGAPIXELS

    def examples(self) -> tuple[list[str], np.ndarray]:
        """Returns paths and labels (int32 [N]), see `Catalog.examples`."""
        return self.catalog.examples(self.name)

    def for_model(self, metadata: ModelMetadata) -> "Split":
        """Returns the same images in the size and with the resize that a model wants."""
        return dataclasses.replace(self, image_size=metadata.image_size, resize=metadata.resize)
