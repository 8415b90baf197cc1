"""Foreground segmentation: the object of an image taken on plain board, as TrashNet's were.

The board is what can be reached from the image's rim without crossing an edge: the geodesic
distance of Wei et al. (2012), Geodesic Saliency Using Background Priors. Soft shadows and uneven
light have no edges, so they stay part of the board.
"""

import numpy as np
import tensorflow as tf

SIDE = 64  # pixels; objects are looked for in images of this size
RIM = 4  # pixels of SIDE, whose colours tell what the board looks like
CLIP = 4.0  # grey levels between neighbouring pixels that are no edge but noise or shadow
BOARD, OBJECT = 3.0, 15.0  # distances, grey levels, up to which a pixel is board, from which object
LEAST_BRIGHTNESS = 80.0  # of board, grey levels
MOST_SATURATION = 0.3  # of board; of 60 TrashNet images a class, only cardboard's rim has more
MOST_SPREAD = 25.0  # of board's colours about their fit, grey levels
OBJECT_SIZES = 0.03, 0.85  # shares of the image; else it was not the object that was found
LEAST_FILLING = 0.35  # of the box about the object; white paper on white board is found in bits
SWEEPS = 2  # over each axis in both directions; more change nothing that can be seen
FAR = 1e6


def segment(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Tells the object from the board, pixel by pixel.

    Args:
        images: float32 [batch, height, width, 3], RGB, 0..255.

    Returns:
        The share of each pixel that is object, float32 [batch, SIDE, SIDE, 1], 0..1; the board's
        colour as if there was no object, float32 [batch, SIDE, SIDE, 3]; and whether there are a
        board and an object on it at all, bool [batch].
    """
    small = tf.image.resize(images, [SIDE, SIDE], method="area")
    board, spread = _board(small)
    deviation = tf.norm(small - board, axis=-1) - 2.5 * spread[:, None, None]
    # An object that reaches the rim starts with how far it is from the board's colour there.
    start = np.ones((SIDE, SIDE), bool)
    start[1:-1, 1:-1] = False
    distance = tf.where(start, tf.maximum(deviation, 0.0), FAR)
    distance = _from_all_sides(small, distance)
    share = tf.clip_by_value((distance - BOARD) / (OBJECT - BOARD), 0.0, 1.0)[..., None]
    # The mean over neighbours rounds off the steps of the coarse grid; the upper half of its range
    # leaves out the pixels about the object that are half board.
    share = tf.maximum(2 * tf.nn.avg_pool2d(share, 3, 1, "SAME") - 1, 0.0)
    return share, board, _is_usable(share, board, spread)


def _is_usable(share: tf.Tensor, board: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    """Board is pale and even; an object is neither a speck, its outline nor the whole image."""
    colour = tf.reduce_mean(board, [1, 2])
    low, high = tf.reduce_min(colour, -1), tf.reduce_max(colour, -1)
    pale = (high > LEAST_BRIGHTNESS) & (high - low < MOST_SATURATION * high)
    size = tf.reduce_mean(share, [1, 2, 3])
    box = tf.ones_like(size)
    for axis in (1, 2):
        box *= tf.reduce_mean(tf.reduce_max(share, axis), [1, 2])
    smallest, largest = OBJECT_SIZES
    whole = (size > smallest) & (size < largest) & (size > LEAST_FILLING * box)
    return pale & (spread < MOST_SPREAD) & whole


def _board(small: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Fits a quadratic surface to the rim's colours, robustly: outliers lose their weight.

    Returns:
        The surface [batch, SIDE, SIDE, 3] and the spread of the rim about it, grey levels
        [batch].
    """
    axis = np.linspace(-1, 1, SIDE, dtype="float32")
    x, y = np.meshgrid(axis, axis)
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1)
    position = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1])
    rim = np.flatnonzero(np.minimum(position, position[:, None]) < RIM)[::3]
    terms = tf.constant(basis.reshape(-1, 6)[rim])
    colours = tf.gather(tf.reshape(small, [-1, SIDE * SIDE, 3]), rim, axis=1)
    weights = tf.ones_like(colours[..., 0])
    for _ in range(4):
        weighted = terms * weights[..., None]
        normal = tf.einsum("brj,rk->bjk", weighted, terms)
        # What is left of the rim may be one side only, which leaves terms open.
        normal += 0.01 * tf.reduce_sum(weights, 1)[:, None, None] * tf.eye(6)
        surface = tf.linalg.solve(normal, tf.matmul(weighted, colours, transpose_a=True))
        deviation = tf.norm(colours - tf.matmul(terms[None], surface), axis=-1)
        # The 40th percentile: more than half of the rim may be object.
        spread = tf.maximum(tf.sort(deviation)[:, int(0.4 * len(rim))], 2.0)
        weights = 1 / (1 + (deviation / (2 * spread[:, None])) ** 4)
    return tf.einsum("yxk,bkc->byxc", basis, surface), spread


def _edges(small: tf.Tensor) -> tf.Tensor:
    """Costs of the steps down to the next pixel; colour counts double, as shadows have little."""
    change = small[:, 1:] - small[:, :-1]
    light = tf.reduce_mean(change, -1, keepdims=True)
    cost = tf.abs(light[..., 0]) + 2 * tf.norm(change - light, axis=-1)
    return tf.maximum(cost - CLIP, 0.0)


def _sweep(distance: tf.Tensor, cost: tf.Tensor) -> tf.Tensor:
    """Takes distance[i] to the least distance[j] + cost of the steps from j down to i.

    With sums C of the costs that is C[i] + min(distance[j] - C[j]) over j <= i, a running minimum
    that takes log2(SIDE) operations for all columns at once.
    """
    total = tf.cumsum(tf.pad(cost, [(0, 0), (1, 0), (0, 0)]), 1)
    least, shift = distance - total, 1
    while shift < SIDE:
        least = tf.concat([least[:, :shift], tf.minimum(least[:, shift:], least[:, :-shift])], 1)
        shift *= 2
    return least + total


def _from_all_sides(small: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    """Sweeps down, up, right and left, until next to nothing changes."""
    down, right = _edges(small), _edges(tf.transpose(small, [0, 2, 1, 3]))
    for _ in range(SWEEPS):
        for cost in (down, right):
            distance = _sweep(distance, cost)
            distance = tf.reverse(_sweep(tf.reverse(distance, [1]), tf.reverse(cost, [1])), [1])
            distance = tf.transpose(distance, [0, 2, 1])
    return distance
