"""Exact duplicates and near-duplicates: the same image twice, byte for byte or to the eye."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import fft, ndimage
from tqdm import tqdm

from trash_keras.data.audit.inspection import ORIENTATIONS, InspectedImage, orientations

HASH_BITS = 64
# More than these take about an hour to confirm. TrashNet has 820 at the default thresholds; their
# number grows with the square of the images, so that some 40,000 images stay below.
MOST_CANDIDATES = 300_000
_BLUR, _LARGEST_SHIFT = 3, 8  # of GREY_SIDE pixels: 5% and 12% of the side
_LEAST_DETAIL = 0.5  # grey levels, standard deviation
_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """What makes a near-duplicate: a candidate by hash or by features, confirmed by pixels.

    The defaults were chosen by looking at TrashNet: all pairs above them show the same thing in
    the same place, and the first ones below do not.

    Attributes:
        max_distance: Most differing bits of two perceptual hashes, of 64.
        min_similarity: Least cosine of two images' pooled features.
        min_correlation: Least correlation of the pixels, see `confirm`.
    """

    max_distance: int = 10
    min_similarity: float = 0.85
    min_correlation: float = 0.8

    def __post_init__(self) -> None:
        limits = {"max_distance": HASH_BITS, "min_similarity": 1, "min_correlation": 1}
        for name, maximum in limits.items():
            value = getattr(self, name)
            if not 0 <= value <= maximum:
                raise ValueError(f"--{name} must be between 0 and {maximum}. Received: {value}")


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two different files that show the same.

    Attributes:
        first: Index of an image.
        second: Index of a later one.
        correlation: Of their pixels, see `confirm`.
        orientation: What turns the second into the first.
        distance: Differing bits of the perceptual hashes, of 64.
        similarity: Cosine of their features; None without features.
    """

    first: int
    second: int
    correlation: float
    orientation: str
    distance: int
    similarity: float | None


def exact(images: Sequence[InspectedImage]) -> list[list[int]]:
    """Returns the indices of images whose files are equal byte for byte, group by group."""
    same: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        same[image.sha256].append(index)
    return [indices for indices in same.values() if len(indices) > 1]


def near(
    images: Sequence[InspectedImage], features: np.ndarray | None, thresholds: Thresholds
) -> list[Pair]:
    """Finds pairs that show the same, though their bytes differ.

    Candidates are compared in NumPy blocks, each image with each: seconds for 10,000 images,
    minutes for 40,000, about the most that the default thresholds allow
    (`MOST_CANDIDATES`). Of exact duplicates only the first is compared.

    Args:
        images: What `inspection.inspect` returned.
        features: float [N, channels], a row for each image; None compares hashes alone.
        thresholds: What counts.

    Returns:
        The pairs, those with the highest correlation first.

    Raises:
        ValueError: There are too many candidates.
    """
    copies = {index for group in exact(images) for index in group[1:]}
    kept = np.array([index for index in range(len(images)) if index not in copies], int)
    hashes = np.array([images[index].hashes for index in kept], np.uint64).reshape(-1, 8)
    chosen = _normalized(features[kept]) if features is not None else None
    candidates = _candidates(hashes, chosen, thresholds)
    grey = np.array([images[index].grey for index in kept])
    correlations, turns = confirm(grey, candidates)
    pairs = []
    for (one, two), correlation, turn in zip(candidates, correlations, turns, strict=True):
        if correlation < thresholds.min_correlation:
            continue
        similarity = None if chosen is None else float(chosen[one] @ chosen[two])
        distance = int(np.bitwise_count(hashes[one, 0] ^ hashes[two]).min())
        pairs.append(
            Pair(int(kept[one]), int(kept[two]), float(correlation), ORIENTATIONS[turn],
                 distance, similarity)
        )  # fmt: skip
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second))


def _normalized(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _candidates(
    hashes: np.ndarray, features: np.ndarray | None, thresholds: Thresholds
) -> np.ndarray:
    """Returns int [P, 2], indices of pairs that either evidence points at, each pair once."""
    found: list[np.ndarray] = [np.empty((0, 2), int)]
    count = 0
    starts = range(0, len(hashes), _BLOCK)
    for start in tqdm(starts, desc="Comparing images", unit="block"):
        rows = slice(start, start + _BLOCK)
        alike = _distances(hashes[rows, 0], hashes[start:]) <= thresholds.max_distance
        if features is not None:
            alike |= features[rows] @ features[start:].T >= thresholds.min_similarity
        first, second = np.nonzero(np.triu(alike, k=1))
        count += len(first)
        if count > MOST_CANDIDATES:
            raise ValueError(
                f"More than {MOST_CANDIDATES:,} of the pairs of {len(hashes):,} images look "
                f"alike at --max_distance={thresholds.max_distance} and "
                f"--min_similarity={thresholds.min_similarity}, too many to confirm. Lower the "
                "distance or raise the similarity."
            )
        found.append(np.stack([first, second], axis=1) + start)
    return np.concatenate(found)


def _distances(rows: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Returns uint8 [R, N], the fewest differing bits over the orientations of the second."""
    least = np.full((len(rows), len(hashes)), HASH_BITS, np.uint8)
    for turned in hashes.T:
        np.minimum(least, np.bitwise_count(rows[:, None] ^ turned), out=least)
    return least


def confirm(grey: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compares the pixels of pairs: the correlation of their detail where they match best.

    The detail is what differs from the neighbourhood (less a Gaussian blur of 5% of the side):
    images that merely share light, shadow and an empty ground correlate above 0.98 without
    showing the same. The second image is tried in all 8 flips and rotations and shifted by up
    to 12% of the side, as two shots from the hand are.

    Args:
        grey: uint8 [N, side, side].
        pairs: int [P, 2], indices.

    Returns:
        float32 [P], Pearson correlations, -1..1, 0 where an image has no detail; and int [P],
        the orientation of the second image.
    """
    correlations = np.zeros(len(pairs), np.float32)
    turns = np.zeros(len(pairs), int)
    with tqdm(total=len(pairs), desc="Confirming pairs", unit="pair") as progress:
        for start in range(0, len(pairs), _BLOCK):
            block = pairs[start : start + _BLOCK]
            first = _detail(grey[block[:, 0]])
            second = orientations(_detail(grey[block[:, 1]]))
            for offset, (turn, down, right) in enumerate(_best_match(first, second)):
                correlations[start + offset] = _correlation(
                    *_overlap(first[offset], second[offset, turn], down, right)
                )
                turns[start + offset] = turn
            progress.update(len(block))
    return correlations, turns


def _detail(grey: np.ndarray) -> np.ndarray:
    margin = 4 * _BLUR
    # Odd reflection continues a slope, so that shading leaves no detail at the border either.
    wide = np.pad(
        grey.astype(np.float32), ((0, 0), *[(margin, margin)] * 2), "reflect", reflect_type="odd"
    )
    blurred = ndimage.gaussian_filter(wide, _BLUR, axes=(1, 2), truncate=4)
    return (wide - blurred)[:, margin:-margin, margin:-margin]


def _best_match(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yields orientation and shift (down, right) at which the second looks most like the first."""
    side, reach = first.shape[-1], _LARGEST_SHIFT
    spectrum = fft.rfft2(first)[:, None] * np.conj(fft.rfft2(second))
    products = np.roll(fft.irfft2(spectrum, s=(side, side)), (reach, reach), axis=(-2, -1))
    products = products[..., : 2 * reach + 1, : 2 * reach + 1]
    for matches in products:
        turn, down, right = np.unravel_index(matches.argmax(), matches.shape)
        yield int(turn), int(down) - reach, int(right) - reach


def _overlap(
    first: np.ndarray, second: np.ndarray, down: int, right: int
) -> tuple[np.ndarray, np.ndarray]:
    def part(image: np.ndarray, down: int, right: int) -> np.ndarray:
        height, width = image.shape
        return image[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]

    return part(first, down, right), part(second, -down, -right)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    deviations = first.std(), second.std()
    if min(deviations) < _LEAST_DETAIL:
        return 0.0
    covariance = np.mean((first - first.mean()) * (second - second.mean()))
    return float(covariance / (deviations[0] * deviations[1]))
