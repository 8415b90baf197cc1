"""What every writer of an export format gets: the inference model and what to say of it."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from trash_keras.exporters.model_info import ModelInfo
from trash_keras.metadata import ModelMetadata


@dataclasses.dataclass(frozen=True)
class ExportSpec:
    """One model, for every format.

    Attributes:
        model: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes],
            probabilities, in inference mode.
        metadata: Class names, size and resize of its images, and how it predicts.
        info: Where it comes from.
        calibration: Gives training images to quantize with, uint8 [N, side, side, 3]; only called
            by formats that need them.
    """

    model: keras.Model
    metadata: ModelMetadata
    info: ModelInfo
    calibration: Callable[[], np.ndarray]
