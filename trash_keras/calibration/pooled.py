"""Out-of-fold predictions of a cross-validation, pooled to choose a threshold on."""

import os

from trash_keras.data import file_roles
from trash_keras.data.catalog import Catalog
from trash_keras.metrics.predictions import Predictions
from trash_keras.storage.names import key


def load(path: str | os.PathLike, catalog: Catalog) -> Predictions:
    """Reads the predictions of a cross-validation for the images that a run may calibrate on.

    Those are all but its test images, whose labels must decide nothing about the model.

    Args:
        path: `predictions/seedS.csv` of a cross-validation, of one seed: each image counts once.
        catalog: Of the run.

    Raises:
        ValueError: It holds something else, other classes, an image twice or no other image.
    """
    file_roles.require("calibration_predictions", path)
    found = Predictions.load(path)
    if tuple(found.class_names) != tuple(catalog.class_names):
        raise ValueError(
            "--calibration_predictions must have the classes of the run, "
            f"{', '.join(catalog.class_names)}. {path} has {', '.join(found.class_names)}."
        )
    if len({*map(key, found.paths)}) < len(found.paths):
        raise ValueError(
            f"--calibration_predictions={path} has some images twice, and each may count once. "
            "Name the file of one seed of a cross-validation."
        )
    test = {key(name) for name in catalog.examples("test")[0]}
    if not (kept := [name for name in found.paths if key(name) not in test]):
        raise ValueError(
            f"--calibration_predictions={path} has test images of this run alone, which must not "
            "choose its threshold. Name predictions/seed0.csv of a cross-validation."
        )
    return found.only(kept)
