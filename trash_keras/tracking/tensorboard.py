"""TensorBoard: curves of all phases on one axis, and confusion matrices at the end."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.data.decoding import ReadImages
from trash_keras.host.packages import install_hint
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots import class_figures, svg
from trash_keras.reporting.plots.saliency_maps import HeatMaps


class TensorBoardTracker:
    """Writes event files for `tensorboard --logdir`.

    Args:
        folder: Where the event files go.

    Raises:
        ImportError: TensorBoard is not installed; TensorFlow needs it for writing, too.
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise ImportError(f"--tensorboard needs a package: {install_hint('tensorboard')}")
        self._folder = folder

    def callback(self) -> keras.callbacks.Callback:
        """Returns Keras' own callback; epochs count on over the phases, and so does its axis."""
        return keras.callbacks.TensorBoard(self._folder, write_graph=False, profile_batch=0)

    def evaluation(
        self,
        predictions: Mapping[str, Predictions],
        read_images: ReadImages,
        explained: HeatMaps | None,
    ) -> None:
        """Writes accuracy, macro-F1 and the confusion matrix of each split."""
        writer = tf.summary.create_file_writer(str(self._folder / "evaluation"))
        with writer.as_default(step=0):
            for split, of_split in predictions.items():
                scores = of_split.score()
                tf.summary.scalar(f"{split}/accuracy", scores["accuracy"])
                tf.summary.scalar(f"{split}/macro_f1", scores["macro_f1"])
                figure = class_figures.confusion_matrix(
                    scores["confusion_matrix"], of_split.class_names
                )
                image = tf.io.decode_png(svg.pixels(figure), channels=3)
                tf.summary.image(f"{split}/confusion_matrix", image[None])
        writer.close()
