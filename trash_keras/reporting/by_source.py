"""The figures of several sources one by one: rows for page and model card, lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADING = ["Source", "Images", "Accuracy (95% interval)", "Coverage (95% interval)",
           "Wrong among these (95% interval)"]  # fmt: skip


def table(sources: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Returns the heading and a row for each source; nothing without sources.

    Args:
        sources: Source -> what `slices.rates` returns.
    """
    rows = [
        [
            name,
            str(found["examples"]),
            _share(found["accuracy"], found["accuracy_interval"]),
            _share(found["coverage"], found["coverage_interval"]),
            "none" if found["error"] is None else _share(found["error"], found["error_interval"]),
        ]
        for name, found in sources.items()
    ]
    return [HEADING, *rows] if rows else []


def summary(sources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns a line for each source; arguments as for `table`."""
    return [
        f"  {name}: accuracy {accuracy}, coverage {coverage}, wrong among these {wrong}, "
        f"{images} images"
        for name, images, accuracy, coverage, wrong in table(sources)[1:]
    ]


def _share(share: float, interval: Sequence[float]) -> str:
    return f"{share:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"
