"""A split of a catalog -> what a predictor answers for each of its pictures."""

import numpy as np
import tensorflow as tf

from trash_keras.contract import Contract
from trash_keras.data import decoding, pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.stores import Store
from trash_keras.evaluation.predictions import Predictions
from trash_keras.predictor import Predictor


def answers(
    predictor: Predictor,
    catalog: Catalog,
    split: str,
    store: Store,
    *,
    batch_size: int = 32,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
    pictures: tf.data.Dataset | None = None,
    title: str = "",
) -> Predictions:
    """Answers for every picture of a split of a catalog, each exactly once.

    Args:
        predictor: Of any artefact.
        catalog: Its classes must be the model's, or some of them.
        split: Name of the split.
        store: Where its pictures lie.
        batch_size: Pictures per step.
        max_megapixels: Most pixels to decode, millions.
        pictures: The split as `pipeline.pictures` made it, when it is already cached.
        title: What the progress bar says; empty for the split.

    Raises:
        ValueError: The catalog has classes that the model does not know.
    """
    names = predictor.contract.class_names
    if unknown := [name for name in catalog.class_names if name not in names]:
        raise ValueError(
            f"The data has classes that the model does not know: {', '.join(unknown)}. "
            f"The model knows: {', '.join(names)}."
        )
    if pictures is None:
        pictures = pictures_for(predictor.contract, catalog, split, store, max_megapixels)
    paths, labels = catalog.examples(split)
    labels = np.array([names.index(name) for name in catalog.class_names])[labels]
    batches = pipeline.evaluation(pictures, batch_size)
    probabilities = predictor.predict_batches(batches, len(paths), title or f"Scoring {split}")
    return Predictions(names, paths, labels, probabilities)


def pictures_for(
    contract: Contract,
    catalog: Catalog,
    split: str,
    store: Store,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> tf.data.Dataset:
    """Reads a split once, as a model wants its pictures; see `pipeline.pictures`.

    Args:
        contract: Size and resize of the pictures.
        catalog: Which pictures there are.
        split: Name of the split.
        store: Where they lie.
        max_megapixels: Most pixels to decode, millions.
    """
    return pipeline.pictures(
        catalog,
        split,
        store,
        image_size=contract.image_size,
        resize=contract.resize,
        max_megapixels=max_megapixels,
        cache=False,
    )
