"""What was measured -> rows of `benchmark.json`, and a Markdown table of them."""

import importlib.metadata
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.benchmarks.turns import Case, Figures, Measured, Metric
from trash_keras.reporting import markdown

HEADING = ["case", "peer", "ours", "theirs", "unit", "ratio", "lowest to highest"]
# Packages whose versions decide the figures; those that are not installed are left out.
PACKAGES = (
    "tensorflow", "keras", "numpy", "pillow", "ai-edge-litert", "onnxruntime", "openvino", "torch",
    "torchvision", "timm",
)  # fmt: skip


def rows(case: Case, measured: Measured) -> list[dict[str, Any]]:
    """Compares each of ours with each peer that ran.

    Returns:
        Rows of `suite`, `case`, `peer`, `ours` and `theirs` (medians over the rounds), `ratio` of
        these medians, `unit`, and `spread`: the lowest and the highest ratio of a round. Ratios
        are ours / theirs for images/s and theirs / ours for times and sizes, so more than 1 is
        always better for this package.
    """
    found = []
    for ours in case.ours:
        name = f"{case.name}, {ours.name}" if len(case.ours) > 1 else case.name
        for peer in case.peers:
            for metric in case.metrics:
                pairs = _pairs(measured, ours.name, peer.name, metric.key)
                if pairs:
                    title = f"{name}, {metric.title}" if metric.title else name
                    about = {"suite": case.suite, "case": title, "peer": peer.name}
                    found.append(about | _compared(pairs, metric))
    return found


def not_run(case: Case, measured: Measured) -> list[dict[str, Any]]:
    """Returns for each contender that did not run `suite`, `case`, `peer`, `why` and `is_ours`."""
    ours = {one.name for one in case.ours}
    about = {"suite": case.suite, "case": case.name}
    return [
        {**about, "peer": name, "why": why, "is_ours": name in ours}
        for name, why in measured.not_run.items()
    ]


def versions() -> dict[str, str]:
    """Returns package -> version, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def tables(result: Mapping[str, Any]) -> str:
    """Returns the content of `benchmark.json` as Markdown, a table for each suite."""
    machine = result["machine"]
    parts = [] if result["complete"] else ["This benchmark has not come to its end."]
    packages = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    parts.append(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; load "
        f"{machine['load']}. {packages}. Medians of {result['rounds']} rounds in turn. Ratios are "
        "of these medians; more than 1 is better for trash_keras, of times and sizes, too."
    )
    for suite in result["suites"]:
        shown = [_cells(row) for row in result["rows"] if row["suite"] == suite]
        shown += [
            [*(markdown.plain(one[key]) for key in ("case", "peer", "why")), "", "", "", ""]
            for one in result["not_run"]
            if one["suite"] == suite
        ]
        parts.append(f"## {suite}\n\n{markdown.table(HEADING, shown, left=2)}")
    return "\n\n".join(parts) + "\n"


def _pairs(measured: Measured, ours: str, peer: str, key: str) -> list[tuple[float, float]]:
    both: list[Sequence[Figures]] = [measured.figures.get(name, ()) for name in (ours, peer)]
    return [
        (one[key], other[key])
        for one, other in zip(*both, strict=False)
        if key in one and key in other
    ]


def _compared(pairs: Sequence[tuple[float, float]], metric: Metric) -> dict[str, Any]:
    def ratio(one: float, other: float) -> float:
        return _rounded(one / other if metric.more_is_better else other / one)

    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = [ratio(*pair) for pair in pairs]
    return {
        "ours": _rounded(ours),
        "theirs": _rounded(theirs),
        "ratio": ratio(ours, theirs),
        "unit": metric.unit,
        "spread": [min(ratios), max(ratios)],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _cells(row: Mapping[str, Any]) -> list[str]:
    low, high = row["spread"]
    numbers = [f"{row[key]:.3g}" if row[key] < 1000 else f"{row[key]:.0f}" for key in _NUMBERS]
    spread = f"{low:.2f} to {high:.2f}"
    names = markdown.plain(row["case"]), markdown.plain(row["peer"])
    return [*names, *numbers, row["unit"], f"**{row['ratio']:.2f}**", spread]


_NUMBERS = ("ours", "theirs")
