"""`tfds:NAME` -> a tensorflow-datasets builder whose records are on disk."""

import os
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from trash_keras.data.stores import TFDS_PREFIX
from trash_keras.data.trashnet import trashnet_dataset_builder


def prepared(location: str) -> tfds.core.DatasetBuilder:
    """Opens a data set, and downloads and prepares it first if that wasn't done.

    Args:
        location: `tfds:NAME`, with /CONFIG, :VERSION and @DATA_DIR as needed.

    Raises:
        ValueError: There is no such data set, it cannot be prepared, or it has no `image` (Image
            of integers) or no `label` (ClassLabel).
    """
    name, data_dir = _parse(location)
    builder = _find(location, name, data_dir)
    _require_labelled_pictures(location, builder.info.features)
    if not builder.is_prepared():
        _prepare(name, builder)
    return builder


def _parse(location: str) -> tuple[str, str | None]:
    name, _, data_dir = location.removeprefix(TFDS_PREFIX).partition("@")
    if not location.startswith(TFDS_PREFIX) or not name:
        raise ValueError(
            "A data set of tensorflow-datasets is written tfds:NAME, tfds:NAME:VERSION or "
            f"tfds:NAME@DATA_DIR. Received: {location!r}"
        )
    return name, data_dir or os.environ.get("TFDS_DATA_DIR")


def _find(location: str, name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"tensorflow-datasets knows no data set {name!r}, and none of that name is prepared in "
            f"{data_dir or '~/tensorflow_datasets'}. Look for names on "
            "https://www.tensorflow.org/datasets/catalog, or name the place of prepared data: "
            f"tfds:NAME@DATA_DIR. Received: {location!r}"
        ) from error
    except Exception as error:  # a border: tfds and its builders raise what they like
        raise ValueError(f"{location} cannot be opened: {_first_line(error)}") from error


def _prepare(name: str, builder: tfds.core.DatasetBuilder) -> None:
    root = builder.data_dir_root
    try:
        builder.download_and_prepare()
    except Exception as error:  # a border, as above
        if isinstance(builder, trashnet_dataset_builder.Builder):
            advice = (
                f"With no network, put {trashnet_dataset_builder.FOLDER}.zip or its class folders "
                f"into the manual_dir {root / 'downloads' / 'manual'}, or make class folders with "
                "'trash-keras prepare --source=trashnet --data_dir=DIR'."
            )
        else:
            advice = (
                f"Prepare it with 'tfds build {name} --data_dir={root}'; what it wants downloaded "
                f"by hand goes into the manual_dir {root / 'downloads' / 'manual'}."
            )
        raise ValueError(
            f"{TFDS_PREFIX}{name} is not prepared in {root}, and preparing it failed: "
            f"{_first_line(error)} {advice}"
        ) from error


def _require_labelled_pictures(location: str, features: Any) -> None:
    by_name = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = by_name.get("image"), by_name.get("label")
    # A float image is a PNG whose four channels are the bytes of one number: no picture to decode.
    if (
        isinstance(image, tfds.features.Image)
        and image.np_dtype != np.float32
        and isinstance(label, tfds.features.ClassLabel)
    ):
        return
    found = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in by_name.items())
    raise ValueError(
        "Training needs the features image (Image of integers) and label (ClassLabel). "
        f"{location} has: {found or features}."
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
