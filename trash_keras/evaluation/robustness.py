"""Robustness: predictions for images that are corrupted, and framed otherwise, on purpose."""

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from trash_keras.data import pipeline
from trash_keras.data.augmentation import corruptions
from trash_keras.data.pipeline import Split
from trash_keras.evaluation import score
from trash_keras.host import cores
from trash_keras.metrics import robustness
from trash_keras.metrics.predictions import Predictions
from trash_keras.predictor import Predictor


def measure_robustness(
    predictor: Predictor,
    split: Split,
    clean: Predictions,
    *,
    batch_size: int = 32,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores a predictor on every kind and severity of corruption.

    The images are corrupted in the form in which the model gets them, square and resized. Frames
    are what an image may have been cut from, before it was made square.

    Args:
        predictor: Of any model file.
        split: Images to score.
        clean: Predictions for at least these images as they are.
        batch_size: Images per step.
        seed: Decides, with each image's path, what is drawn at random.

    Returns:
        What `metrics.robustness.score` returns, and for each kind `levels`, their `meaning` and
        `changed`, the share of images that the last severity changes at all; `frames`, from
        `metrics.robustness.score_frames`.
    """
    images = pipeline.load_split(split.for_model(predictor.metadata), cache=False)
    clean = clean.only(split.examples()[0])
    batches = pipeline.make_eval_dataset(images, batch_size)
    outputs: dict[tuple[str, int], list[np.ndarray]] = {}
    altered_count = dict.fromkeys(corruptions.CORRUPTIONS, 0)
    cases = len(corruptions.CORRUPTIONS) * len(corruptions.SEVERITIES)
    with tqdm(total=len(clean.paths) * cases, desc="Scoring corruptions", unit="image") as progress:
        for originals, kind, severity, corrupted in _corrupted(batches, list(clean.paths), seed):
            count = len(originals)
            filled = np.zeros((batch_size, *corrupted.shape[1:]), np.float32)
            filled[:count] = corrupted
            rows = predictor.predict_batch(tf.constant(filled))[:count]
            outputs.setdefault((kind, severity), []).append(rows)
            if severity == corruptions.SEVERITIES[-1]:
                altered_count[kind] += int((originals != corrupted).any(axis=(1, 2, 3)).sum())
            progress.update(count)
    framed = {
        name: _predict_framed(predictor, split, batch_size, name) for name in corruptions.FRAMES
    }
    frames = robustness.score_frames(framed, predictor.metadata.threshold)
    return _report(clean, outputs, altered_count) | {"frames": frames}


def _predict_framed(predictor: Predictor, split: Split, batch_size: int, frame: str) -> Predictions:
    extend = functools.partial(corruptions.extend_to_frame, aspect_ratio=corruptions.FRAMES[frame])
    images = pipeline.load_split(split.for_model(predictor.metadata), cache=False, change=extend)
    return score.predict_split(
        predictor, split, batch_size=batch_size, images=images, title=f"Scoring {frame} frames"
    )


def _corrupted(
    batches: tf.data.Dataset, paths: list[str], seed: int
) -> Iterator[tuple[np.ndarray, str, int, np.ndarray]]:
    """Yields (images, kind, severity, corrupted images), both uint8 [batch, side, side, 3]."""
    # Threads are enough, since NumPy, SciPy and Pillow release the interpreter lock.
    with ThreadPoolExecutor(cores.available()) as pool:
        for batch in batches.as_numpy_iterator():
            names, paths = paths[: len(batch)], paths[len(batch) :]
            originals = batch[: len(names)].astype(np.uint8)
            for kind in corruptions.CORRUPTIONS:
                for severity in corruptions.SEVERITIES:
                    corrupted = pool.map(
                        lambda image, name, kind=kind, severity=severity: corruptions.corrupt(
                            image, kind, severity, seed, name
                        ),
                        originals,
                        names,
                    )
                    yield originals, kind, severity, np.stack(list(corrupted))


def _report(
    clean: Predictions,
    outputs: dict[tuple[str, int], list[np.ndarray]],
    altered_count: dict[str, int],
) -> dict[str, Any]:
    corrupted = {
        kind: [
            Predictions(
                clean.class_names,
                clean.paths,
                clean.labels,
                np.concatenate(outputs[kind, severity]),
            )
            for severity in corruptions.SEVERITIES
        ]
        for kind in corruptions.CORRUPTIONS
    }
    result = robustness.score(clean, corrupted)
    for kind, corruption in corruptions.CORRUPTIONS.items():
        result["kinds"][kind] |= {
            "levels": list(corruption.levels),
            "meaning": corruption.meaning,
            "changed": altered_count[kind] / len(clean.paths),
        }
    return result
