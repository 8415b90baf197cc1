"""Inference with any model file: a `.keras`, `.tflite` or `.onnx` file, or a SavedModel folder.

Each has a runtime of its own, imported when such a file is loaded, so that inference with a TFLite
file needs no TensorFlow.
"""

import dataclasses
import importlib
import itertools
import math
import os
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from PIL import Image
from tqdm import tqdm

from trash_keras import pretrained
from trash_keras.data import decoding, file_roles, image_inputs
from trash_keras.data.image_files import iter_image_files
from trash_keras.data.image_inputs import ImageInput
from trash_keras.host import imports
from trash_keras.host.packages import install_hint
from trash_keras.metadata import UNSURE, VIEWS, ModelMetadata, is_unsure
from trash_keras.storage import checksums
from trash_keras.storage.addresses import public, public_value
from trash_keras.storage.names import printable, require_utf8

# float32 or uint8 [batch, side, side, 3], RGB 0..255 -> float32 [batch, classes], probabilities.
PredictBatch = Callable[[np.ndarray], np.ndarray]
# Suffix of a file, none for a folder -> its module in trash_keras/runtimes/.
RUNTIMES = {"": "saved_model", ".keras": "keras_file", ".tflite": "litert", ".onnx": "onnx"}
BATCH_SIZE = 32
CANDIDATE_RATIO = 0.5  # of the largest probability, which a candidate has at least
NAMED_CANDIDATES = 3  # most that are named to a person
ROUNDING = 1e-3  # by which a runtime's probabilities may leave 0..1


def load(
    model: str | os.PathLike | None = None,
    *,
    threshold: float | None = None,
    tta: int | None = None,
    threads: int | None = None,
    trust_model: bool = False,
) -> "Predictor":
    """Loads a model for inference.

    >>> import trash_keras as tk
    >>> classifier = tk.load()
    >>> classifier.class_names
    ('cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash')

    Args:
        model: As for `Predictor.load`; None takes the pretrained model that comes with the
            package, which needs no TensorFlow.
        threshold: As for `Predictor.with_threshold`.
        tta: As for `Predictor.load`.
        threads: As for `Predictor.load`.
        trust_model: As for `Predictor.load`.

    Raises:
        ImportError: As `Predictor.load`.
        ValueError: As `Predictor.load` and `Predictor.with_threshold`.
    """
    path = pretrained.path() if model is None else model
    return Predictor.load(path, tta, threads, trust_model).with_threshold(threshold)


def micro_batched(predict_batch: PredictBatch, views: int) -> PredictBatch:
    """Splits batches for a model with several views, so that they take no more memory."""

    def predict(images: np.ndarray) -> np.ndarray:
        size = max(1, len(images) // views)
        steps = range(0, len(images), size)
        return np.concatenate([predict_batch(images[start : start + size]) for start in steps])

    return predict


def require_shapes(
    image: Sequence[int | None], probabilities: Sequence[int | None], metadata: ModelMetadata
) -> None:
    """Checks what a model file says of its input and output against its metadata.

    Args:
        image: Shape of the input; None is any length.
        probabilities: Shape of the output.
        metadata: Of the file.

    Raises:
        ValueError: They do not fit.
    """
    side = metadata.image_size
    wanted = [side, side, 3], [len(metadata.class_names)]
    found = list(image)[1:], list(probabilities)[1:]
    for shape, expected in zip(found, wanted, strict=True):
        fits = len(shape) == len(expected) and all(
            length in (None, -1, number) for length, number in zip(shape, expected, strict=True)
        )
        if not fits:
            raise ValueError(
                f"its metadata says images {wanted[0]} and {wanted[1][0]} classes, the model takes "
                f"{found[0]} and gives {found[1]}"
            )


def require_probabilities(predict_batch: PredictBatch, metadata: ModelMetadata) -> None:
    """Lets a model predict a grey image, before anybody waits for its predictions.

    Args:
        predict_batch: Of the model.
        metadata: Of its file.

    Raises:
        ValueError: What comes out is no row of probabilities, one for each class.
    """
    side, classes = metadata.image_size, len(metadata.class_names)
    found = np.asarray(predict_batch(np.full((1, side, side, 3), 127, np.float32)))
    if found.shape != (1, classes):
        raise ValueError(f"it gives {list(found.shape)} for an image and {classes} classes")
    if not (np.isfinite(found).all() and -ROUNDING <= found.min() <= found.max() <= 1 + ROUNDING):
        raise ValueError(f"it gives {found.min()} to {found.max()}, which are no probabilities")


def suffix(path: str | os.PathLike) -> str:
    """Returns the suffix of a model file; empty for a SavedModel folder, whatever its name."""
    return "" if Path(path).is_dir() else Path(path).suffix


def import_runtime(path: str | os.PathLike) -> types.ModuleType:
    """Imports the runtime of a model file, which may take seconds.

    Args:
        path: The file, which need not be there, or a SavedModel folder.

    Raises:
        ImportError: The runtime is not installed.
        ValueError: No runtime for such files.
    """
    ending = suffix(path)
    if ending not in RUNTIMES:
        allowed = ", ".join(filter(None, RUNTIMES))
        raise ValueError(f"A model file must end in one of {allowed}. Received: {path}")
    try:
        with imports.keras_on_tensorflow():
            return importlib.import_module(f"trash_keras.runtimes.{RUNTIMES[ending]}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{path} needs the package {error.name}: {install_hint('train')}"
        ) from error


def percent(probability: float) -> str:
    """Returns a probability for people, rounded; only 1 itself is 100%, and only 0 is 0%."""
    if 0.995 <= probability < 1:
        return ">99%"
    if 0 < probability < 0.005:
        return "<1%"
    return f"{math.floor(100 * probability + 0.5)}%"


@dataclasses.dataclass(frozen=True, repr=False)
class Prediction:
    """The prediction of one image: probabilities, label, or why there is none.

    >>> import trash_keras as tk
    >>> prediction = tk.load().predict("photo.jpg")
    >>> prediction.label, prediction.probability > 0.9
    ('paper', True)
    >>> [name for name, _ in prediction.top_k(1)]
    ['paper']
    >>> prediction.words
    'paper, 96%'

    Attributes:
        file: Path or address as given; empty for bytes and arrays.
        probabilities: Class name -> probability; empty for a file that could not be read.
        error: Why the file could not be read; empty when it could.
        threshold: As `ModelMetadata` has it.
        set_threshold: As `ModelMetadata` has it.
        explanation: File of the drawn saliency map; empty without one.
    """

    file: str
    probabilities: dict[str, float]
    error: str = ""
    threshold: float = 0.0
    set_threshold: float | None = None
    explanation: str = ""

    @classmethod
    def from_row(cls, row: np.ndarray, metadata: ModelMetadata, file: str = "") -> Self:
        """Makes one of the output of a model for one image.

        Args:
            row: float [classes], probabilities.
            metadata: Of the model.
            file: Name of the image.
        """
        named = dict(zip(metadata.class_names, row.tolist(), strict=True))
        thresholds = metadata.threshold, metadata.set_threshold
        return cls(file, named, threshold=thresholds[0], set_threshold=thresholds[1])

    @property
    def label(self) -> str:
        """The most probable class; `unsure` where the model abstains; empty with an error."""
        if self.error:
            return ""
        return UNSURE if is_unsure(self.probability, self.threshold) else self.top_k(1)[0][0]

    @property
    def probability(self) -> float:
        """The largest probability, also where the label is `unsure`; 0 with an error."""
        return max(self.probabilities.values(), default=0.0)

    def top_k(self, k: int | None = None) -> list[tuple[str, float]]:
        """Returns the k most probable (class name, probability), the first most so; None: all."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:k]

    @property
    def candidates(self) -> list[tuple[str, float]]:
        """The (class name, probability) at least half as probable as the first, which is one."""
        least = CANDIDATE_RATIO * self.probability
        return [(name, probability) for name, probability in self.top_k() if probability >= least]

    @property
    def words(self) -> str:
        """The prediction for a person; also says what it may be where the model abstains.

        "metal, 97%"; where the label is `unsure`, with one candidate "probably metal, 81%, not
        sure" (up to 50% "perhaps"), with two or three "metal or glass?", with more "not sure what
        it is". JavaScript and Kotlin repeat this, and tests hold them to it. Empty with an error.
        """
        if self.error:
            return ""
        if self.label != UNSURE:
            return f"{self.label}, {percent(self.probability)}"
        names = [name for name, _ in self.candidates]
        if len(names) == 1:
            likely = "probably" if self.probability > 0.5 else "perhaps"
            return f"{likely} {names[0]}, {percent(self.probability)}, not sure"
        if 1 < len(names) <= NAMED_CANDIDATES:
            return f"{', '.join(names[:-1])} or {names[-1]}?"
        return "not sure what it is"  # also where the probabilities are no numbers

    def format(self, top_k: int = 3) -> str:
        """Returns the most probable classes for a person, as `words (...)` where it is unsure."""
        if self.error:
            return f"error: {self.error}"
        ranked = ", ".join(f"{name} {share:.1%}" for name, share in self.top_k(top_k))
        return f"{self.words} ({ranked})" if self.label == UNSURE else ranked

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values: file and error; or file, label, probability, candidates and more.

        `probability` is the largest one, also where the label is `unsure`. `candidates` has a
        `label` and a `probability` each, most probable first; `probabilities` those of all
        classes. With conformal sets there are `labels`, too: the set, most probable first, or
        empty. A prediction with a saliency map has its file as `explanation`. Of an address there
        is what `addresses.public_value` shows.
        """
        if self.error:
            return {"file": public_value(self.file), "error": public(self.error)}
        lowest = self.set_threshold
        return {
            "file": public_value(self.file),
            "label": self.label,
            "probability": self.probability,
            "candidates": [{"label": name, "probability": p} for name, p in self.candidates],
            "probabilities": self.probabilities,
            **({"explanation": self.explanation} if self.explanation else {}),
            **({} if lowest is None else {"labels": [n for n, p in self.top_k() if p >= lowest]}),
        }

    def __repr__(self) -> str:
        shown = f"{public_value(self.file)}: " if self.file else ""
        return printable(f"<Prediction {shown}{public(self.format())}>")


@dataclasses.dataclass(frozen=True, repr=False)
class Predictor:
    """A loaded classifier.

    >>> import trash_keras as tk
    >>> tk.load()
    <Predictor of cardboard, glass, metal, paper, plastic, trash; 256 px, crop; \
unsure up to 0.69>

    Attributes:
        predict_batch: float32 or uint8 [batch, side, side, 3], RGB 0..255 -> float32
            [batch, classes], probabilities with temperature and views of the metadata.
        metadata: Class names, size and resize of its images, and how it predicts.
    """

    predict_batch: PredictBatch
    metadata: ModelMetadata

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        tta: int | None = None,
        threads: int | None = None,
        trust_model: bool = False,
    ) -> "Predictor":
        """Loads a model file written by this project, after a look at what is in it.

        Args:
            path: A `.keras`, `.tflite` or `.onnx` file, or a SavedModel folder (the newest version
                in it, where there are several).
            tta: Views of each image (test-time augmentation), for a `.keras` file; None for those
                of its metadata.
            threads: CPU threads of inference; None leaves it to the runtime. Those of TensorFlow,
                for a `.keras` file or a SavedModel, are the process's, and settled with its first
                operation.
            trust_model: Whether a SavedModel runs whatever operations are in it, with the rights
                of this process: it is a program. Without, it may only compute.

        Raises:
            ImportError: The runtime of such files is not installed.
            ValueError: There is nothing at `path`, it is not such a file, holds what no classifier
                needs (`trash_keras.scanning`), or cannot have this number of views.
        """
        if suffix(path) != ".keras":  # Python reads that one
            require_utf8(path)
        checksums.require(path)
        file_roles.require("model", path)
        metadata = ModelMetadata.read(path)
        runtime = import_runtime(path)
        if tta is not None:
            if tta not in VIEWS:
                allowed = ", ".join(map(str, VIEWS))
                raise ValueError(f"--tta must be one of {allowed}. Received: {tta}")
            if suffix(path) != ".keras":
                raise ValueError(
                    f"--tta takes a .keras file. {path} has its views inside: {metadata.tta}. "
                    "Export a run that was trained with another --tta."
                )
            metadata = dataclasses.replace(metadata, tta=tta)
        if trust_model and suffix(path):
            raise ValueError(
                f"--trust_model takes a SavedModel folder; others run no code. Received: {path}"
            )
        options = {"trust_model": True} if trust_model else {}
        try:
            return cls(runtime.load(str(path), metadata, threads, **options), metadata)
        except ImportError:
            raise
        except Exception as error:  # each runtime has its own exceptions for a broken file
            raise ValueError(f"The model {path} cannot be loaded: {error}") from error

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the columns of `predict_proba`."""
        return self.metadata.class_names

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
            self, metadata=dataclasses.replace(self.metadata, threshold=threshold)
        )

    @overload
    def predict(self, images: bytes | Image.Image, batch_size: int = ...) -> Prediction: ...
    @overload  # a folder, or an array of several images, gives a list
    def predict(self, images: str | os.PathLike | np.ndarray, batch_size: int = ...) -> Any: ...
    @overload
    def predict(self, images: Iterable[ImageInput], batch_size: int = ...) -> list[Prediction]: ...
    def predict(
        self, images: ImageInput | Iterable[ImageInput], batch_size: int = BATCH_SIZE
    ) -> Prediction | list[Prediction]:
        """Classifies one image, or several.

        >>> import trash_keras as tk
        >>> classifier = tk.load()
        >>> classifier.predict("photo.jpg").label
        'paper'
        >>> from PIL import Image
        >>> images = [Image.open("photo.jpg"), "notes.txt"]
        >>> [prediction.label or prediction.error for prediction in classifier.predict(images)]
        ['paper', 'not a JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF file']

        All inputs are decoded and resized as in training: EXIF orientation applied,
        transparency onto white, grey and CMYK to RGB.

        Args:
            images: One image: the path or address of a file, its bytes, a PIL image, or an array
                [height, width, 3], uint8 or float, RGB 0..255. Several: a list of these, a folder
                (all images in it and below, sorted by path), or an array [N, height, width, 3].
            batch_size: Images per step.

        Returns:
            A prediction; for several images a list of them, in the same order. A file among
            several that cannot be read gets a prediction with an `error`.

        Raises:
            OSError: An object store does not respond.
            ValueError: A single file that cannot be read, no images, or something that is no
                image: another type, an array of another shape or dtype, or values that are not
                0..255, see `image_inputs.to_uint8`.
        """
        single = isinstance(images, str | os.PathLike | bytes | Image.Image | np.ndarray)
        if isinstance(images, str | os.PathLike) and os.path.isdir(images):
            single, images = False, iter_image_files([os.fspath(images)])
        elif isinstance(images, np.ndarray) and images.ndim == 4:
            single = False
        several = image_inputs.require_some([images] if single else images)  # type: ignore
        predictions = list(self.predict_stream(several, batch_size))
        if not single:
            return predictions
        if error := predictions[0].error:
            raise ValueError(f"{predictions[0].file or 'The image'}: {error}")
        return predictions[0]

    def predict_proba(
        self, images: np.ndarray | Iterable[ImageInput], batch_size: int = BATCH_SIZE
    ) -> np.ndarray:
        """Returns the probabilities of several images.

        >>> import numpy as np
        >>> import trash_keras as tk
        >>> tk.load().predict_proba(np.full((2, 48, 64, 3), 127, np.uint8)).shape
        (2, 6)

        Args:
            images: [N, height, width, 3] of any size, uint8 or float, RGB 0..255; or a list of
                what `predict` takes for one image.
            batch_size: Images per step.

        Returns:
            float32 [N, classes], a column for each of `class_names`; rows sum to 1.

        Raises:
            ValueError: As `predict`, or one of the files cannot be read.
        """
        if isinstance(images, np.ndarray) and images.ndim != 4:
            raise ValueError(
                "An array of images must have the shape [N, height, width, 3]; of one image it is "
                f"images[None]. Received: {list(images.shape)}"
            )
        predictions = list(self.predict_stream(image_inputs.require_some(images), batch_size))
        for prediction in predictions:
            if prediction.error:
                raise ValueError(f"{prediction.file or 'An image'}: {prediction.error}")
        return np.array([list(one.probabilities.values()) for one in predictions], np.float32)

    def predict_stream(
        self,
        images: Iterable[ImageInput],
        batch_size: int = BATCH_SIZE,
        max_megapixels: float = decoding.MAX_MEGAPIXELS,
    ) -> Iterator[Prediction]:
        """Classifies any number of images, which may lie in object stores.

        Args:
            images: As `predict` takes them for one image; consumed a batch at a time.
            batch_size: Images per step.
            max_megapixels: Most pixels to decode, millions; larger files get an error.

        Yields:
            A prediction for each image, in the same order. A file that cannot be read gets an
            `error` and stops nothing.

        Raises:
            OSError: An object store does not respond.
            ValueError: Something is no image at all, see `predict`.
        """
        rest, metadata = iter(images), self.metadata
        while batch := list(itertools.islice(rest, batch_size)):
            opened = image_inputs.open_squares(
                batch, metadata.image_size, metadata.resize, max_megapixels
            )
            squares = [one for one in opened if isinstance(one, np.ndarray)]
            rows = iter(self.predict_batch(np.stack(squares).astype(np.float32)) if squares else ())
            for image, square in zip(batch, opened, strict=True):
                name = image_inputs.name_of(image)
                if isinstance(square, np.ndarray):
                    yield Prediction.from_row(next(rows), metadata, name)
                else:
                    yield Prediction(name, {}, error=str(square))

    def predict_batches(
        self, batches: Iterable[np.ndarray], examples: int, title: str
    ) -> np.ndarray:
        """Runs the model batch after batch, with a progress bar.

        Args:
            batches: float32 [batch, side, side, 3] each; the last may end in filler, as that of
                `pipeline.make_eval_dataset` does.
            examples: Number of images that count.
            title: What the progress bar says.

        Returns:
            float32 [examples, classes].
        """
        rows = []
        with tqdm(total=examples, desc=title, unit="image") as progress:
            for batch in batches:
                rows.append(self.predict_batch(batch))
                progress.update(min(len(batch), examples - progress.n))
        return np.concatenate(rows)[:examples]

    def __repr__(self) -> str:
        metadata = self.metadata
        views = f", {metadata.tta} views" if metadata.tta > 1 else ""
        return (
            f"<Predictor of {', '.join(metadata.class_names)}; {metadata.image_size} px, "
            f"{metadata.resize}{views}; {UNSURE} up to {metadata.threshold:.2g}>"
        )
