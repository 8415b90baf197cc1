"""Saliency maps: deletion and insertion test how faithful they are.

Pixels are taken away and given back in the order of a heat map. A map that shows what a prediction
depends on changes its probability sooner than other orders do.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from trash_keras.metrics.intervals import bootstrap_interval

STEPS = 16  # of the curves, each with the same number of pixels
# Standard deviation of the blur, share of the side. On TrashNet the mean probability of the
# predicted class falls from 0.80 to 0.18, as low as on a flat image of the mean colour (0.18;
# chance is 0.17).
BLUR = 0.1
ORDERS = {"grad_cam": "Grad-CAM", "random": "random patches", "centre": "centre first"}
TESTS = {"deletion": "lower", "insertion": "higher"}  # and which area is better
_RESAMPLES = 2000


def measure(
    predict_batch: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    heat_maps: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares the order of pixels by heat maps with two orders that know no model.

    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    BMVC 2018. Deletion blurs the pixels of an image in that order, insertion gives them back to
    the blurred image. The score is the area under the probability of the explained class. Both
    use blur, since flat patches would have edges of their own and could look like another object
    on a light background.

    The two other orders are random patches, as large and as smooth as those of a heat map (single
    pixels would harm any network by their noise alone), and pixels from the centre outwards,
    since people put there what they photograph.

    Args:
        predict_batch: float32 [batch, side, side, 3], RGB 0..255 -> float [batch, classes],
            probabilities.
        images: uint8 [N, side, side, 3], at least two.
        heat_maps: float [N, h, w].
        labels: int [N], the explained classes.
        seed: For the random order and the bootstrap.

    Returns:
        `pictures`, `steps`, `blur` (share of the side), and for `deletion` and `insertion` the
        mean `curves` (order -> probabilities at 0 to all pixels), their areas `auc`, and
        `grad_cam_minus`: other order -> `mean` and 95% `interval` (percentile bootstrap) of the
        difference of areas, image by image.

    Raises:
        ValueError: There are fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"Deletion and insertion need two images or more. Received: {len(images)}")
    generator = np.random.default_rng(seed)
    curves = {test: {order: np.empty((len(images), STEPS + 1)) for order in ORDERS}
              for test in TESTS}  # fmt: skip
    for number in tqdm(range(len(images)), desc="Checking heat maps", unit="image"):
        image, heat_map = images[number], heat_maps[number]
        sharp = image.astype(np.float32)
        sigma = BLUR * len(image)
        blurred = ndimage.gaussian_filter(sharp, (sigma, sigma, 0))
        for order, ranks in _ranks(heat_map, len(image), generator).items():
            taken = ranks < ranks.size * np.arange(STEPS + 1)[:, None, None] / STEPS
            batch = np.concatenate([
                np.where(taken[..., None], after, before)
                for before, after in ((sharp, blurred), (blurred, sharp))
            ])  # fmt: skip
            found = predict_batch(batch)[:, labels[number]]
            curves["deletion"][order][number] = found[: STEPS + 1]
            curves["insertion"][order][number] = found[STEPS + 1 :]
    scores = {test: _scores(found, generator) for test, found in curves.items()}
    return {"pictures": len(images), "steps": STEPS, "blur": BLUR, **scores}


def _ranks(
    heat_map: np.ndarray, side: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Returns for each order the position of every pixel in it, int [side, side]."""
    chance = upsample(generator.random(heat_map.shape), side, side, "stretch")
    away = np.abs(np.arange(side) + 0.5 - side / 2)
    importance = {
        "grad_cam": upsample(heat_map, side, side, "stretch"),
        "random": chance,
        "centre": -np.hypot(away[:, None], away),
    }
    ranks = {}
    for order, values in importance.items():
        ranks[order] = np.empty((side, side), int)
        # Much of a heat map is 0: these pixels come last, in patches drawn at random.
        sequence = np.lexsort((-chance.ravel(), -values.ravel()))
        ranks[order].ravel()[sequence] = np.arange(side * side)
    return ranks


def _scores(curves: Mapping[str, np.ndarray], generator: np.random.Generator) -> dict[str, Any]:
    areas = {order: np.trapezoid(found, dx=1 / STEPS) for order, found in curves.items()}
    return {
        "auc": {order: float(found.mean()) for order, found in areas.items()},
        "grad_cam_minus": {
            order: _difference(areas["grad_cam"] - found, generator)
            for order, found in areas.items()
            if order != "grad_cam"
        },
        "curves": {order: found.mean(axis=0).round(4).tolist() for order, found in curves.items()},
    }


def _difference(values: np.ndarray, generator: np.random.Generator) -> dict[str, Any]:
    interval = bootstrap_interval(values, resamples=_RESAMPLES, generator=generator)
    return {"mean": float(values.mean()), "interval": interval}


def better(found: Mapping[str, Any], test: str, other: str) -> bool:
    """Returns whether the heat maps are significantly better than another order in a test."""
    low, high = found[test]["grad_cam_minus"][other]["interval"]
    return high < 0 if TESTS[test] == "lower" else low > 0


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """Returns in words what was measured and what it says of the heat maps.

    Args:
        found: From `measure`.
    """
    what = (
        f"On {found['pictures']} images, pixels were blurred in the order of the heat map, the "
        "strongest first (deletion), or given back to the blurred image (insertion). The better "
        "the map shows what the prediction depends on, the smaller the area under the first "
        "curve and the larger that under the second (Petsiuk, Das & Saenko, BMVC 2018)."
    )
    return [what, *(_comparison(found, test) for test in TESTS), _verdict(found)]


def _comparison(found: Mapping[str, Any], test: str) -> str:
    areas = [f"{found[test]['auc'][order]:.3f} for {name}" for order, name in ORDERS.items()]
    differences = []
    for order, row in found[test]["grad_cam_minus"].items():
        low, high = row["interval"]
        differences.append(
            f"{row['mean']:+.3f} against {ORDERS[order]} ({low:+.3f} to {high:+.3f})"
        )
    return (
        f"{test.capitalize()}, {TESTS[test]} is better: area {', '.join(areas)}. Difference of "
        f"Grad-CAM, with 95% interval: {', '.join(differences)}."
    )


def _verdict(found: Mapping[str, Any]) -> str:
    by_chance = [test for test in TESTS if not better(found, test, "random")]
    if by_chance:
        return (
            f"By {' and '.join(by_chance)} the maps are not shown to be better than random ones: "
            "read little into them."
        )
    beaten = [test for test in TESTS if better(found, test, "centre")]
    more = "That they say more than that things lie in the middle of an image is"
    if len(beaten) < len(TESTS):
        more += f" shown by {beaten[0]} alone." if beaten else " not shown."
    else:
        more += ", too."
    return f"So the maps point at what the predictions depend on. {more}"


def upsample(heat_map: np.ndarray, height: int, width: int, resize: str) -> np.ndarray:
    """Enlarges a saliency map to the pixels of the image that it explains, bilinearly.

    Args:
        heat_map: float [h, w], of the square image.
        height: Height of the original image, pixels.
        width: Width of the original image, pixels.
        resize: How the square image was made from it: stretch, crop or pad.

    Returns:
        float [height, width]; NaN where the model did not see the image (crop).
    """
    small, large = sorted((height, width))
    # The height and width of the square, in pixels of the original.
    rows, columns = {"stretch": (height, width), "crop": (small, small), "pad": (large, large)}[
        resize
    ]
    down = (np.arange(height) + 0.5 - height / 2) / rows + 0.5
    across = (np.arange(width) + 0.5 - width / 2) / columns + 0.5
    cells = [share * count - 0.5
             for share, count in zip((down, across), heat_map.shape, strict=True)]  # fmt: skip
    positions = np.meshgrid(*cells, indexing="ij")
    enlarged = ndimage.map_coordinates(heat_map, positions, order=1, mode="nearest")
    seen = (abs(down - 0.5) <= 0.5)[:, None] & (abs(across - 0.5) <= 0.5)
    return np.where(seen, enlarged, np.nan)
