"""Outliers: images whose size, shape or light is far from that of the others."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from trash_keras.data.audit.inspection import InspectedImage

LIMIT = 3.5  # robust standard deviations


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of an image.

    Attributes:
        text: What it is, with the unit.
        of: Image -> value.
        logarithmic: Compare ratios instead of differences.
        least_spread: The robust standard deviation is taken as at least this, or a folder of
            equal images would call a difference of one pixel an outlier. A natural logarithm
            for a logarithmic measure, else in the unit of the value.
    """

    text: str
    of: Callable[[InspectedImage], float]
    logarithmic: bool
    least_spread: float


MEASURES = {
    "size": Measure("pixels", lambda image: image.width * image.height, True, 0.4),
    "aspect": Measure(
        "longer side / shorter side",
        lambda image: max(image.width, image.height) / min(image.width, image.height),
        True,
        0.1,
    ),
    "brightness": Measure(
        "mean grey level, 0..255", lambda image: float(image.grey.mean()), False, 5
    ),
    "contrast": Measure(
        "standard deviation of the grey levels, 0..127",
        lambda image: float(image.grey.std()),
        False,
        2,
    ),
}
RULE = (
    f"A value is an outlier when it is more than {LIMIT} robust standard deviations from the "
    "median of all images, where a robust standard deviation is 1.4826 times the median absolute "
    "deviation (Iglewicz and Hoaglin, 1993). Sizes and aspects are compared as logarithms."
)


@dataclasses.dataclass(frozen=True)
class Outlier:
    """An unusual image.

    Attributes:
        index: Of the image.
        value: In the unit of the measure.
        median: Of all images.
        score: Robust standard deviations from the median, signed.
    """

    index: int
    value: float
    median: float
    score: float


def find(images: Sequence[InspectedImage], measure: Measure) -> list[Outlier]:
    """Applies `RULE` to one measure.

    Source: Iglewicz, Hoaglin, "How to Detect and Handle Outliers", 1993 (modified z-scores).

    Args:
        images: What `inspection.inspect` returned.
        measure: One of `MEASURES`.

    Returns:
        The outliers, the furthest first.
    """
    if not images:
        return []
    values = np.array([measure.of(image) for image in images], float)
    scale = np.log(values) if measure.logarithmic else values
    deviations = scale - np.median(scale)
    spread = max(1.4826 * float(np.median(np.abs(deviations))), measure.least_spread)
    scores = deviations / spread
    found = sorted(np.flatnonzero(np.abs(scores) > LIMIT), key=lambda index: -abs(scores[index]))
    median = float(np.median(values))
    return [
        Outlier(int(index), float(values[index]), median, float(scores[index])) for index in found
    ]
