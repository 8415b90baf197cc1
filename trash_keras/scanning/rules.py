"""What holds for model files of every kind: lists of what may occur, and how large it may be."""

import math
from collections.abc import Sequence

LARGEST_TENSOR = 2**28  # values of one image's activation; 1 GiB in float32


def names(text: str) -> frozenset[str]:
    """Returns the words of a text, as a list of what a file may name."""
    return frozenset(text.split())


def require_tensor(shape: Sequence[int | None], name: str) -> None:
    """Refuses a tensor that would take more memory than any classifier needs.

    Args:
        shape: Lengths of its axes; None or a negative one is the number of images, taken as 1.
        name: What has it, for the message.

    Raises:
        ValueError: It has more than `LARGEST_TENSOR` values.
    """
    values = math.prod(1 if length is None or length < 0 else length for length in shape)
    if values > LARGEST_TENSOR:
        raise ValueError(
            f"{name} has {values} values for one image, more than the {LARGEST_TENSOR} allowed"
        )
