"""Answers -> drawings of the evidence behind them."""

import dataclasses
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from trash_keras import storage
from trash_keras.contract import Contract
from trash_keras.data import decoding
from trash_keras.evaluation import figures, heat_map_figures
from trash_keras.explaining import BATCH_SIZE, Explainer
from trash_keras.predictor import Prediction


def draw(
    explainer: Explainer,
    answers: Iterable[Prediction],
    folder: str | os.PathLike,
    max_megapixels: float = decoding.MAX_MEGAPIXELS,
) -> Iterator[Prediction]:
    """Draws for each answer its picture beside the evidence for the most probable class.

    Pictures are read a second time: who classifies knows nothing of heat maps.

    Args:
        explainer: Of the model that answered.
        answers: Consumed a batch at a time.
        folder: Gets a JPEG file for each answer, named after its picture and a digest of the
            whole path, since pictures of different folders may have the same name.
        max_megapixels: Most pixels to decode, millions.

    Yields:
        The answers in the same order, with the file of their `explanation`.
    """
    contract, rest = explainer.contract, iter(answers)
    while batch := list(itertools.islice(rest, BATCH_SIZE)):
        batch, squares, pictures = _opened(batch, contract, max_megapixels)
        best = {answer.file: answer.top_k(1)[0] for answer in batch if not answer.error}
        found = explainer.heat_maps({file: name for file, (name, _) in best.items()}, squares)
        for answer in batch:
            if answer.error:
                yield answer
                continue
            name, probability = best[answer.file]
            figure = heat_map_figures.explained(
                pictures[answer.file], found[answer.file], contract.resize,
                f"{name} {probability:.1%}",
            )  # fmt: skip
            target = Path(folder) / _drawing_name(answer.file)
            figures.save(figure, target)
            yield dataclasses.replace(answer, explanation=str(target))


def _opened(
    batch: Sequence[Prediction], contract: Contract, max_megapixels: float
) -> tuple[list[Prediction], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the answers, and by their files the model's pictures and those to draw."""
    answers, squares, pictures = [], {}, {}
    for answer in batch:
        if not answer.error:
            try:
                picture = decoding.decode(_read(answer.file), max_megapixels)
                squares[answer.file] = decoding.resize_to_square(
                    picture, contract.image_size, contract.resize
                )
                # The whole picture may be large: what is drawn of it is all that a batch keeps.
                pictures[answer.file] = heat_map_figures.readable(picture)
            except (decoding.UndecodableError, FileNotFoundError) as error:  # gone since
                answer = dataclasses.replace(answer, probabilities={}, error=str(error))
        answers.append(answer)
    return answers, squares, pictures


def _read(file: str) -> bytes:
    return storage.read_bytes(file) if storage.is_url(file) else decoding.read_bytes(file)


def _drawing_name(file: str) -> str:
    # File systems take 255 bytes a name; a character has four at most.
    readable = re.sub(r"[^\w.-]+", "_", Path(file).stem)[:50]
    digest = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{readable}-{digest}.jpg"
