"""What there is to export: the model that answers, and what goes into its files with it."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from trash_keras.contract import Contract
from trash_keras.export.about import About


@dataclasses.dataclass(frozen=True)
class Source:
    """One model, for every kind of file.

    Attributes:
        model: float32 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes],
            probabilities, in inference mode.
        contract: Class names, size and resize of its pictures, and how it answers.
        about: Where it comes from.
        calibration: Gives training pictures to quantize with, uint8 [N, side, side, 3]; called by
            the kinds that need them alone.
    """

    model: keras.Model
    contract: Contract
    about: About
    calibration: Callable[[], np.ndarray]
