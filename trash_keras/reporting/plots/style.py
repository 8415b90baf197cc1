"""How every figure looks: Matplotlib's own defaults, whatever a user's matplotlibrc says."""

import contextlib
from collections.abc import Iterator

from matplotlib import rc_context, rcParamsDefault

# Which window a host program draws in is its own affair.
_HOSTS = {"backend", "backend_fallback", "interactive", "toolbar", "timezone"}


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Sets Matplotlib's defaults for what is in it; also a decorator of functions.

    Artists take settings when they are made and others when they are drawn, so both need it.
    """
    with rc_context({key: rcParamsDefault[key] for key in rcParamsDefault if key not in _HOSTS}):
        yield
