"""The comparison of runs: text for a terminal; comparison.json, comparison.html and a figure."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trash_keras.metrics.comparison import SIGNIFICANCE
from trash_keras.reporting import html, page_figures
from trash_keras.reporting.plots import base
from trash_keras.storage import local

UNKNOWN = "-"
# Read with the module, like the template of the report.
TEMPLATE = (
    Path(__file__).with_name("templates").joinpath("comparison.html.j2").read_text(encoding="utf-8")
)
Table = list[list[str]]  # the first row is the heading
CROSS_VALIDATION_NOTE = (
    "Cross-validations are compared image by image, on the mean over the seeds, with a paired "
    "bootstrap over images (near-duplicates together). Their standard deviations say how much "
    "another training with other seeds would change."
)


def text(comparison: Mapping[str, Any]) -> str:
    """Returns a comparison as lines for a terminal.

    Args:
        comparison: From `comparison.compare`.
    """
    parts = [_columns(runs_table(comparison))]
    if comparison["settings"]:
        parts.append(_columns(settings_table(comparison)))
    sentences = difference_sentences(comparison), verdict(comparison)
    return "\n\n".join([*parts, *("\n".join(lines) for lines in sentences)])


def write(comparison: Mapping[str, Any], output: str | os.PathLike) -> None:
    """Writes comparison.html, comparison.json and figures/accuracies (PNG, PDF, SVG).

    Args:
        comparison: From `comparison.compare`.
        output: Folder; made when missing.

    Raises:
        OSError: A file cannot be written.
    """
    output = Path(output)
    scored = [run for run in comparison["runs"] if "accuracy" in run]
    figure = base.accuracies(scored)
    shown = page_figures.embed(
        figure,
        "Accuracy of each run",
        "Accuracy of each run with its 95% interval; the table above has the numbers",
    )
    base.save_formats(figure, output / "figures" / "accuracies", "Accuracy of each run")
    html.write(
        output / "comparison.html",
        TEMPLATE,
        split=comparison["split"],
        count=len(comparison["runs"]),
        headline=headline(comparison),
        winner=_winner(comparison),
        finding=_finding(comparison),
        notes=[each for each in verdict(comparison) if each != _finding(comparison)],
        runs=runs_table(comparison),
        settings=settings_table(comparison),
        tests=difference_sentences(comparison),
        chart=shown,
    )
    local.write_json(output / "comparison.json", comparison)


def runs_table(comparison: Mapping[str, Any]) -> Table:
    """Returns a row of figures for each run; what is not known is a dash."""
    heading = ["run", "accuracy", "95% interval", "macro-F1", "images", "minutes of training",
               "model.keras", "exports"]  # fmt: skip
    return [heading, *(_row(run) for run in comparison["runs"])]


def _row(run: Mapping[str, Any]) -> list[str]:
    if "missing" in run:
        scores = [UNKNOWN] * 4
    else:
        low, high = run["accuracy_interval"]
        scores = [f"{run['accuracy']:.1%}", f"{low:.1%} to {high:.1%}", f"{run['macro_f1']:.3f}",
                  str(run["examples"])]  # fmt: skip
    minutes, size = run["training_minutes"], run["model_bytes"]
    exports = ", ".join(f"{name} {_megabytes(size)}" for name, size in run["exports"].items())
    return [
        run["name"],
        *scores,
        UNKNOWN if minutes is None else f"{minutes:.1f}",
        UNKNOWN if size is None else _megabytes(size),
        exports or UNKNOWN,
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def settings_table(comparison: Mapping[str, Any]) -> Table:
    """Returns a row for each setting that differs, with a column for each run."""
    heading = ["setting", *(run["name"] for run in comparison["runs"])]
    rows = [
        [name, *(UNKNOWN if value is None else str(value) or '""' for value in values)]
        for name, values in comparison["settings"].items()
    ]
    return [heading, *rows]


def difference_sentences(comparison: Mapping[str, Any]) -> list[str]:
    """Returns a sentence for each pair of runs: what their test says, or why there is none."""
    return [_sentence(test, _tested(comparison)) for test in comparison["tests"]]


def _sentence(test: Mapping[str, Any], tested: int) -> str:
    first, second = test["runs"]
    if "reason" in test:
        return f"{first} and {second} are not tested: {test['reason']}"
    if "difference" in test:
        low, high = (100 * end for end in test["difference_interval"])
        return (
            f"{second} less {first}: of {test['images']} images, "
            f"{100 * test['difference']:+.2f} percentage points are right "
            f"(95% interval {low:+.2f} to {high:+.2f}): {_shown(test)}"
        )
    p_value = f"p {_p(test['p_value'])}"
    if tested > 1:
        p_value += f", adjusted p {_p(test['adjusted_p_value'])}"
    return (
        f"{first} and {second}: of {test['images']} images, {test['only_first']} are right in "
        f"{first} alone and {test['only_second']} in {second} alone; {p_value}: {_shown(test)}"
    )


def _shown(test: Mapping[str, Any]) -> str:
    return "a difference is shown." if _is_shown(test) else "no difference is shown."


def _p(value: float) -> str:
    return "below 0.0001" if value < 0.0001 else f"= {value:.2g}"


def _is_shown(test: Mapping[str, Any]) -> bool:
    if "difference" in test:
        low, high = test["difference_interval"]
        return low > 0 or high < 0
    return test["adjusted_p_value"] < SIGNIFICANCE


def _tested(comparison: Mapping[str, Any]) -> int:
    return sum("p_value" in test for test in comparison["tests"])


def verdict(comparison: Mapping[str, Any]) -> list[str]:
    """Returns what follows from a comparison, and what does not, a sentence or two each."""
    sentences = [f"{run['name']} has no figures: {run['missing']}"
                 for run in comparison["runs"] if "missing" in run]  # fmt: skip
    sentences.append(_finding(comparison))
    tested = _tested(comparison)
    if tested:
        sentences.append(_method(tested))
    if any("difference" in test for test in comparison["tests"]):
        sentences.append(CROSS_VALIDATION_NOTE)
    elif comparison["split"] == "test" and len(comparison["runs"]) > 1:
        sentences.append(
            "To choose between runs, compare them on the validation split: the best of many on "
            "the test split is partly just the luckiest."
        )
    return sentences


def _method(tested: int) -> str:
    adjusted = f", {tested} comparisons, p-values adjusted by Holm's method" if tested > 1 else ""
    return (
        f"McNemar's exact test, two-sided, at {SIGNIFICANCE:.0%}{adjusted}. It compares these very "
        "models; it cannot say how much another training with another seed would change."
    )


def headline(comparison: Mapping[str, Any]) -> str:
    """Returns the result in a few words; only the tests make a winner."""
    relations = set(_beside_the_best(comparison).values())
    if winner := _winner(comparison):
        return winner
    if not relations:
        return f"{_best(comparison)['accuracy']:.1%}"
    return "Not comparable" if relations == {"not tested against"} else "No winner"


def _finding(comparison: Mapping[str, Any]) -> str:
    """Returns what the tests say of the run with the highest accuracy, a sentence."""
    best, others = _best(comparison), _beside_the_best(comparison)
    found = f"{best['name']} has {best['accuracy']:.1%} right"
    for words in ("shown to be better than", "not shown to be better than", "not tested against"):
        if names := [name for name, relation in others.items() if relation == words]:
            found += f"; it is {words} {', '.join(names)}"
    return found + "."


def _winner(comparison: Mapping[str, Any]) -> str | None:
    """Returns the run that is shown to be better than all others, if there is one."""
    others = set(_beside_the_best(comparison).values())
    return _best(comparison)["name"] if others == {"shown to be better than"} else None


def _beside_the_best(comparison: Mapping[str, Any]) -> dict[str, str]:
    """Returns what the tests say of the run with the highest accuracy against each other one."""
    best = _best(comparison)["name"]
    scored = {run["name"] for run in comparison["runs"] if "accuracy" in run}
    found = {}
    for test in comparison["tests"]:
        if best not in test["runs"]:
            continue
        (other,) = (name for name in test["runs"] if name != best)
        if other not in scored:
            continue
        if "reason" in test:
            found[other] = "not tested against"
        else:
            found[other] = (
                "shown to be better than" if _is_shown(test) else "not shown to be better than"
            )
    return found


def _best(comparison: Mapping[str, Any]) -> Mapping[str, Any]:
    scored = [run for run in comparison["runs"] if "accuracy" in run]
    return max(scored, key=lambda run: run["accuracy"])


def _columns(table: Sequence[Sequence[str]]) -> str:
    """Sets a table in columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]))
    return "\n".join(line.rstrip() for line in lines)
