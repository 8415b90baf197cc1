"""How every figure looks, whatever a user's matplotlibrc says: fit for a column of a paper."""

import contextlib
from collections.abc import Iterator
from typing import Any

from matplotlib import rc_context, rcParams, rcParamsDefault

# Inches: the columns of US letter paper in two columns, as IEEE, ACM and CVPR set them, rounded
# down, so that a figure of this width fits each of them.
ONE_COLUMN, TWO_COLUMNS = 3.25, 6.75
LABEL_SIZE = 7  # points, the smallest letters but for those in small cells
# Which window a host program draws in is its own affair.
_HOSTS = {"backend", "backend_fallback", "interactive", "toolbar", "timezone"}
_OURS: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 9,
    "xtick.labelsize": LABEL_SIZE,
    "ytick.labelsize": LABEL_SIZE,
    "legend.fontsize": LABEL_SIZE,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.6,
    # Names inside an SVG file are random without it.
    "svg.hashsalt": "trash_keras",
}


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Sets Matplotlib's defaults and our sizes for what is in it; also a decorator of functions.

    Artists take settings when they are made and others when they are drawn, so both need it.
    """
    with rc_context({key: rcParamsDefault[key] for key in rcParamsDefault if key not in _HOSTS}):
        rcParams.update(_OURS)
        yield
