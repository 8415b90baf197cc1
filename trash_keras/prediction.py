"""Any artefact -> probabilities: `.keras`, `.tflite` or `.onnx` file, or SavedModel folder.

Each has a runtime of its own, imported when such a file is loaded, so that a TFLite file is
answered where there is no TensorFlow.
"""

import dataclasses
import importlib
import os
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from trash_keras.contract import UNSURE, VIEWS, Contract
from trash_keras.data import decoding
from trash_keras.data.catalog import EXTENSIONS
from trash_keras.runtimes.steps import PredictBatch

# Suffix of a file, none for a folder -> its module in trash_keras/runtimes/.
RUNTIMES = {"": "saved_model", ".keras": "keras_file", ".tflite": "litert", ".onnx": "onnx"}


def suffix(path: str | os.PathLike) -> str:
    """Returns the suffix of a model file; empty for a SavedModel folder, whatever its name."""
    return "" if Path(path).is_dir() else Path(path).suffix


def import_runtime(path: str | os.PathLike) -> types.ModuleType:
    """Imports what answers a kind of model file, which may take seconds.

    Args:
        path: The file, which need not be there, or a SavedModel folder.

    Raises:
        ImportError: The runtime is not installed.
        ValueError: No runtime for such files.
    """
    kind = suffix(path)
    if kind not in RUNTIMES:
        allowed = ", ".join(filter(None, RUNTIMES))
        raise ValueError(f"A model file must end in one of {allowed}. Received: {path}")
    return importlib.import_module(f"trash_keras.runtimes.{RUNTIMES[kind]}")


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A loaded classifier.

    Attributes:
        predict_batch: float32 or uint8 [batch, side, side, 3], RGB 0..255 -> float32
            [batch, classes], probabilities with temperature and views of the contract.
        contract: Class names, size and resize of its pictures, and how it answers.
    """

    predict_batch: PredictBatch
    contract: Contract

    @classmethod
    def load(
        cls, path: str | os.PathLike, tta: int | None = None, threads: int | None = None
    ) -> "Predictor":
        """Loads an artefact written by this project.

        Args:
            path: A `.keras`, `.tflite` or `.onnx` file, or a SavedModel folder (the newest version
                in it, where there are several).
            tta: Views of each picture, for a `.keras` file; None for those of its contract.
            threads: CPU threads that answer; None leaves it to the runtime. Those of TensorFlow,
                for a `.keras` file or a SavedModel, are the process's, and settled with its first
                operation.

        Raises:
            ImportError: The runtime of such files is not installed.
            ValueError: There is nothing at `path`, it is not such an artefact, or it cannot have
                this number of views.
        """
        contract = Contract.read(path)
        runtime = import_runtime(path)
        if tta is not None:
            if tta not in VIEWS:
                allowed = ", ".join(map(str, VIEWS))
                raise ValueError(f"--tta must be one of {allowed}. Received: {tta}")
            if suffix(path) != ".keras":
                raise ValueError(
                    f"--tta takes a .keras file. {path} has its views inside: {contract.tta}. "
                    "Export a run that was trained with another --tta."
                )
            contract = dataclasses.replace(contract, tta=tta)
        try:
            return cls(runtime.load(str(path), contract, threads), contract)
        except ImportError:
            raise
        except Exception as error:  # each runtime has its own kinds of failing on a broken file
            raise ValueError(f"The model {path} cannot be loaded: {error}") from error

    def with_threshold(self, threshold: float | None) -> "Predictor":
        """Returns one that is unsure up to another probability, 0 to 1; None changes nothing.

        Raises:
            ValueError: Out of range.
        """
        if threshold is None:
            return self
        if not 0 <= threshold <= 1:
            raise ValueError(f"--threshold must be between 0 and 1. Received: {threshold}")
        return dataclasses.replace(
            self, contract=dataclasses.replace(self.contract, threshold=threshold)
        )

    def predict(self, batches: Iterable[np.ndarray], examples: int, title: str) -> np.ndarray:
        """Answers batch after batch, with a progress bar.

        Args:
            batches: float32 [batch, side, side, 3] each; may end in filler (`pipeline.evaluation`).
            examples: Number of pictures that count.
            title: What the progress bar says.

        Returns:
            float32 [examples, classes].
        """
        answers = []
        with tqdm(total=examples, desc=title, unit="picture") as progress:
            for batch in batches:
                answers.append(self.predict_batch(batch))
                progress.update(min(len(batch), examples - progress.n))
        return np.concatenate(answers)[:examples]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the classifier says of one file.

    Attributes:
        file: Path as given.
        probabilities: Class name -> probability; empty for a file that could not be read.
        error: Why the file could not be read; empty when it could.
        explanation: File of the drawn heat map; empty without one.
        threshold: As `Contract` has it.
        set_threshold: As `Contract` has it.
    """

    file: str
    probabilities: dict[str, float]
    error: str = ""
    threshold: float = 0.0
    set_threshold: float | None = None
    explanation: str = ""

    def ranked(self) -> list[tuple[str, float]]:
        """Returns (class name, probability), the most probable first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])

    def label(self) -> str:
        """Returns the most probable class, or `unsure` where it is not probable enough."""
        name, probability = self.ranked()[0]
        return name if probability > self.threshold else UNSURE

    def text(self, top_k: int) -> str:
        """Returns the most probable classes for a person, as `unsure (...)` where it is unsure."""
        ranked = ", ".join(f"{name} {share:.1%}" for name, share in self.ranked()[:top_k])
        return f"{UNSURE} ({ranked})" if self.label() == UNSURE else ranked

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values: file and error; or file, label, probability, probabilities.

        `probability` is the largest one, of whatever label. With sets there are `labels`, too: the
        set, most probable first; it is empty where no class is probable enough. An answer that was
        explained has the file of its `explanation` as well.
        """
        if self.error:
            return {"file": self.file, "error": self.error}
        lowest = self.set_threshold
        return {
            "file": self.file,
            "label": self.label(),
            "probability": self.ranked()[0][1],
            "probabilities": self.probabilities,
            **({"explanation": self.explanation} if self.explanation else {}),
            **({} if lowest is None else {"labels": [n for n, p in self.ranked() if p >= lowest]}),
        }


def expand(paths: Sequence[str]) -> list[str]:
    """Replaces each folder by the pictures in it and below, sorted; files stay as they are."""
    files: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            found = (file for file in Path(path).rglob("*") if file.suffix.lower() in EXTENSIONS)
            files += sorted(str(file) for file in found)
        else:
            files.append(path)
    return files


def classify(
    predictor: Predictor,
    paths: Sequence[str],
    batch_size: int = 32,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> Iterator[Answer]:
    """Classifies files in order; one that cannot be read gets an error and stops nothing.

    Args:
        predictor: From `Predictor.load`.
        paths: Picture files.
        batch_size: Pictures per step.
        max_megapixels: Most pixels to decode, millions; larger files get an error.

    Yields:
        An answer for each path, in the same order.
    """
    contract = predictor.contract
    for start in range(0, len(paths), batch_size):
        group = paths[start : start + batch_size]
        images: dict[str, np.ndarray] = {}
        errors: dict[str, str] = {}
        for path in group:
            try:
                images[path] = decoding.load(
                    decoding.read_bytes(path), contract.image_size, contract.resize, max_megapixels
                )
            except decoding.UndecodableError as error:
                errors[path] = str(error)
        rows: dict[str, np.ndarray] = {}
        if images:
            batch = np.stack(list(images.values())).astype(np.float32)
            rows = dict(zip(images, predictor.predict_batch(batch), strict=True))
        for path in group:
            named = zip(contract.class_names, rows.get(path, np.empty(0)).tolist(), strict=False)
            yield Answer(
                path, dict(named), errors.get(path, ""),
                threshold=contract.threshold, set_threshold=contract.set_threshold,
            )  # fmt: skip
