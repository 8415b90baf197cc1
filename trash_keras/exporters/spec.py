"""What every writer of an export format gets: the inference model and what to say of it."""

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trash_keras.exporters import converter
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
        scratch: Folder for what stands in between; None: the one of the system.
    """

    model: keras.Model
    metadata: ModelMetadata
    info: ModelInfo
    calibration: Callable[[], np.ndarray]
    scratch: Path | None = None

    @functools.cached_property
    def as_tflite(self) -> bytes:
        """A float32 .tflite file of the model, without metadata; converted once for all formats.

        Raises:
            ValueError: The model cannot be converted.
        """
        side = self.metadata.image_size
        # The name is one that `local.sweep` removes after a kill.
        with tempfile.TemporaryDirectory(
            dir=self.scratch, prefix=".saved_model-", suffix=".tmp"
        ) as folder:
            archive = keras.export.ExportArchive()
            archive.add_endpoint(
                "serve",
                lambda image: self.model(image, training=False),
                [tf.TensorSpec((1, side, side, 3), tf.float32, name="image")],
            )
            archive.write_out(folder, verbose=False)
            return converter.convert(folder)
