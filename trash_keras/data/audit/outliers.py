"""Pictures whose size, shape or light is far from that of the others."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from trash_keras.data.audit.inspection import Picture

LIMIT = 3.5  # robust standard deviations


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of a picture.

    Attributes:
        text: What it is, with the unit.
        of: Picture -> value.
        logarithmic: Compare ratios instead of differences.
        least_spread: The robust standard deviation is taken as at least this, or a folder of
            equal pictures would call a difference of one pixel an outlier. A natural logarithm
            for a logarithmic measure, else in the unit of the value.
    """

    text: str
    of: Callable[[Picture], float]
    logarithmic: bool
    least_spread: float


MEASURES = {
    "size": Measure("pixels", lambda picture: picture.width * picture.height, True, 0.4),
    "aspect": Measure(
        "longer side / shorter side",
        lambda picture: max(picture.width, picture.height) / min(picture.width, picture.height),
        True,
        0.1,
    ),
    "brightness": Measure(
        "mean grey level, 0..255", lambda picture: float(picture.grey.mean()), False, 5
    ),
    "contrast": Measure(
        "standard deviation of the grey levels, 0..127",
        lambda picture: float(picture.grey.std()),
        False,
        2,
    ),
}
RULE = (
    f"A value is an outlier when it is more than {LIMIT} robust standard deviations from the "
    "median of all pictures, where a robust standard deviation is 1.4826 times the median absolute "
    "deviation (Iglewicz and Hoaglin, 1993). Sizes and aspects are compared as logarithms."
)


@dataclasses.dataclass(frozen=True)
class Outlier:
    """An unusual picture.

    Attributes:
        index: Of the picture.
        value: In the unit of the measure.
        median: Of all pictures.
        score: Robust standard deviations from the median, signed.
    """

    index: int
    value: float
    median: float
    score: float


def find(pictures: Sequence[Picture], measure: Measure) -> list[Outlier]:
    """Applies `RULE` to one measure.

    Source: Iglewicz, Hoaglin, "How to Detect and Handle Outliers", 1993 (modified z-scores).

    Args:
        pictures: What `inspection.inspect` returned.
        measure: One of `MEASURES`.

    Returns:
        The outliers, the furthest first.
    """
    if not pictures:
        return []
    values = np.array([measure.of(picture) for picture in pictures], float)
    scale = np.log(values) if measure.logarithmic else values
    deviations = scale - np.median(scale)
    spread = max(1.4826 * float(np.median(np.abs(deviations))), measure.least_spread)
    scores = deviations / spread
    found = sorted(np.flatnonzero(np.abs(scores) > LIMIT), key=lambda index: -abs(scores[index]))
    median = float(np.median(values))
    return [
        Outlier(int(index), float(values[index]), median, float(scores[index])) for index in found
    ]
