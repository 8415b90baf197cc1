"""Whether an exported file answers like the Keras model it was made from, on the whole test split.

It is loaded and asked as `trash-keras evaluate` does it, so the figures are those of an evaluation.
"""

import dataclasses
import importlib.metadata
import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trash_keras import config as configuration
from trash_keras import predictor, scoring
from trash_keras.contract import Contract
from trash_keras.data import pipeline
from trash_keras.data.catalog import Catalog
from trash_keras.data.split import Split
from trash_keras.data.stores import open_store
from trash_keras.evaluation import agreement
from trash_keras.evaluation.predictions import Predictions
from trash_keras.predictor import Predictor

MIN_AGREEMENT = 0.98


class DisagreementError(ValueError):
    """A file answers too many pictures otherwise than Keras.

    Attributes:
        figures: Of `Reference.figures`, and `min_agreement`.
    """

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures
        super().__init__(
            f"agrees with Keras on {figures['agreement']:.1%} of the test pictures, less than "
            f"--min_agreement={figures['min_agreement']}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The test split of a run, and what its Keras model says of it.

    Attributes:
        split: Its images, as the model wants them.
        pictures: From `pipeline.pictures`; decoded once where they fit into the memory that the
            run may take for pictures (`--cache_megabytes`).
        answers: Of the Keras model.
        contract: Of the run.
    """

    split: Split
    pictures: tf.data.Dataset
    answers: Predictions
    contract: Contract

    @classmethod
    def of_run(
        cls, workdir: str | os.PathLike, data_dir: str | os.PathLike | None = None
    ) -> "Reference":
        """Lets the Keras model of a run answer its test split.

        Args:
            workdir: Folder of the run.
            data_dir: Where the pictures lie; None for where the run was trained on them.

        Raises:
            ValueError: No trained model in `workdir`, or its pictures are gone.
        """
        workdir = Path(workdir)
        predictor = Predictor.load(workdir / "model.keras")
        catalog = Catalog.load(workdir / "catalog.json").only("test")
        settings = configuration.load(workdir / "config.json").data
        data_dir = data_dir or settings.data_dir
        store = open_store(data_dir, settings.data_format)
        catalog.require(store.members(), data_dir)
        contract = predictor.contract
        split = Split(catalog, "test", store, max_megapixels=settings.max_megapixels)
        split = split.for_model(contract)
        pictures = pipeline.pictures(split, cache=False)
        if len(pictures) * 3 * contract.image_size**2 <= settings.cache_megabytes * 1e6:
            pictures = pictures.cache()
        answers = scoring.answers(predictor, split, pictures=pictures, title="Asking Keras")
        return cls(split, pictures, answers, contract)

    def figures(self, path: str | os.PathLike, min_agreement: float) -> dict[str, Any]:
        """Lets an exported file answer the same pictures, in its own runtime.

        Args:
            path: File or folder that `Predictor.load` takes.
            min_agreement: Least share of pictures with the class that Keras says, 0 to 1.

        Returns:
            `accuracy`, `accuracy_interval` and `ece` (see `report.score`), what
            `agreement.compare` returns, and the `tool`.

        Raises:
            DisagreementError: Too many answers differ.
            ValueError: The file cannot be loaded, or answers what is no probability.
        """
        predictor = Predictor.load(path)
        title = f"Asking {Path(path).name}"
        answers = scoring.answers(predictor, self.split, pictures=self.pictures, title=title)
        given = predictor.contract
        scores = answers.score(given.answering())
        figures = {
            **{name: scores[name] for name in ("accuracy", "accuracy_interval", "ece")},
            **agreement.compare(self.answers, answers, self.contract.threshold, given.threshold),
            "tool": tool(path),
        }
        if figures["agreement"] < min_agreement:
            raise DisagreementError({**figures, "min_agreement": min_agreement})
        return figures


def tool(path: str | os.PathLike) -> dict[str, str]:
    """Returns which tool and version `made` an export, and which runtime `answered` for it."""
    made, runtime = {
        "": ("keras.export.ExportArchive", "tensorflow"),
        ".tflite": ("TFLiteConverter", "ai-edge-litert"),
        ".onnx": ("tf2onnx", "onnxruntime"),
    }[predictor.suffix(path)]
    version = importlib.metadata.version
    if made == "tf2onnx":  # not a part of Keras or TensorFlow, as the others are
        made += f" {version(made)}"
    return {
        "made": f"{made}, keras {keras.__version__}, tensorflow {tf.__version__}",
        "answered": f"{runtime} {version(runtime)}",
    }
