"""Comparison of runs: their figures, their settings, and which differences are significant.

Two single runs are compared by McNemar's test on their predictions, two cross-validations by a
bootstrap interval of the difference.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from trash_keras.metrics import cross_validation
from trash_keras.metrics.cross_validation import ImageKey
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.report_file import SPLIT_TITLES, read_export, read_object

# Figures of a run, and for each image the share of its predictions that are right, or why that is
# not known. A single run has one prediction for each image, a cross-validation one a seed.
_Entry = tuple[Mapping[str, Any], Mapping[ImageKey, float] | str]
SIGNIFICANCE = 0.05  # a difference is significant where its adjusted p-value lies below


def compare(folders: Sequence[str | os.PathLike], split: str = "test") -> dict[str, Any]:
    """Reads several runs and tests every two of them for a difference in accuracy.

    The test is McNemar's (see `mcnemar`), on the images of the split. With more than one pair
    its p-values are adjusted for their number (see `holm`). Cross-validations, whose images all
    count as test, are compared with each other by `cross_validation.difference`.

    Args:
        folders: Workdirs of training runs, output folders of `trash-keras evaluate`, or
            cross-validations; at least two different ones.
        split: train, valid, test or all.

    Returns:
        `split`; `runs`, one dictionary a folder in the order given (see `_read`); `settings`,
        what differs between the runs: setting -> one value a run, None where it is not known;
        `tests`, one dictionary a pair with `runs` (two names) and either `reason`, why the two
        cannot be tested, or `images`, `only_first`, `only_second` (images that one of the
        two alone has right), `p_value` and `adjusted_p_value`; for cross-validations `images`,
        `difference` and `difference_interval`.

    Raises:
        ValueError: Fewer than two folders, one of them twice or no run, or none has scored the
            split.
    """
    paths = [Path(folder).resolve() for folder in folders]
    if len(paths) < 2:
        received = f"one, {folders[0]}" if paths else "none"
        raise ValueError(f"Name at least two runs to compare. Received: {received}.")
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise ValueError(f"Each run can be named once. Received twice: {folders[index]}.")
    runs = [_read(path, name, split) for path, name in zip(paths, short_names(paths), strict=True)]
    if all("missing" in run for run in runs):
        reasons = " ".join(f"{run['name']}: {run['missing']}" for run in runs)
        raise ValueError(f"None of these runs has figures for the split {split}. {reasons}")
    accuracies = [_accuracy_of(path, run, split) for path, run in zip(paths, runs, strict=True)]
    pairs = itertools.combinations(zip(runs, accuracies, strict=True), 2)
    tests = [
        {"runs": [one[0]["name"], other[0]["name"]]} | _test(one, other) for one, other in pairs
    ]
    tested = [test for test in tests if "p_value" in test]
    for test, adjusted in zip(tested, holm([test["p_value"] for test in tested]), strict=True):
        test["adjusted_p_value"] = adjusted
    return {
        "split": split,
        "runs": runs,
        "settings": _different_settings([run.pop("config") for run in runs]),
        "tests": tests,
    }


def mcnemar(only_first: int, only_second: int) -> float:
    """Returns the p-value of McNemar's test in its exact form: binomial, two-sided.

    Two classifiers of equal accuracy err alone equally often, so of the images that just one of
    them has right, each is the first's with probability one half. Images that both or neither
    have right say nothing of a difference.

    McNemar, Q. (1947), Note on the sampling error of the difference between correlated
    proportions or percentages, Psychometrika 12(2). Recommended for two classifiers and one test
    set by Dietterich, T. G. (1998), Approximate statistical tests for comparing supervised
    classification learning algorithms, Neural Computation 10(7), who also says what it leaves
    out: how much training the same again, with another seed, would vary.

    Args:
        only_first: Images that the first classifier alone has right, 0 or more.
        only_second: Those that the second alone has right, 0 or more.

    Returns:
        0 to 1; 1 when there is no such image.
    """
    if not only_first + only_second:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for their number, so that the chance of any false alarm stays at the level.

    Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6(2): the smallest counts as often as there are tests, the next once less, and
    so on; none may fall below one before it.

    Args:
        p_values: 0 to 1, in any order.

    Returns:
        Adjusted values, 0 to 1, in the same order.
    """
    order = np.argsort(p_values, kind="stable")
    counts = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.take(p_values, order) * counts), 1)
    return adjusted.tolist()


def flat(config: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the settings of a `config.json` without its sections: name -> value."""
    return {key: value for section in config.values() for key, value in section.items()}


def short_names(paths: Sequence[Path]) -> list[str]:
    """Returns for each path its shortest tail that no other path has."""
    for length in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _read(path: Path, name: str, split: str) -> dict[str, Any]:
    """Returns what the comparison shows of a run.

    `name`, `folder`; `accuracy`, `accuracy_interval`, `macro_f1` and `examples`, or `missing`, why
    they are not known; `training_minutes` and `model_bytes`, None when not known;
    `exports`, format -> bytes; `class_names`; `config`, setting -> value.
    """
    report = read_object(path / "report.json") or cross_validation.as_report(path)
    config = read_object(path / "config.json")
    if not all(isinstance(section, dict) for section in config.values()):
        raise ValueError(f"{path / 'config.json'} is damaged: a section holds no settings.")
    if not report and not config:
        raise ValueError(
            f"{path} holds no run: it has neither report.json nor config.json. Name the workdir "
            "of a training run, or the output of `trash-keras evaluate`."
        )
    model = path / "model.keras"
    formats = read_export(path).get("kinds", {})
    run = {
        "name": name,
        "folder": str(path),
        "training_minutes": report.get("run", {}).get("training_minutes"),
        "model_bytes": model.stat().st_size if model.exists() else None,
        "exports": {name: facts["bytes"] for name, facts in formats.items()},
        "class_names": report.get("class_names", []),
        "config": flat(config),
    }
    if not report:
        run["missing"] = "there is no report.json, so the run is not finished."
    elif split not in report:
        scored = [each for each in SPLIT_TITLES if each in report]
        run["missing"] = f"its report has no split {split}, but {', '.join(scored)}."
    else:
        figures = ("accuracy", "accuracy_interval", "macro_f1", "examples")
        run |= {figure: report[split][figure] for figure in figures}
    return run


def _accuracy_of(path: Path, run: Mapping[str, Any], split: str) -> Mapping[ImageKey, float] | str:
    """Returns the accuracy of a run image by image, or why that is not known."""
    if "missing" in run:
        return f"{run['name']}: {run['missing']}"
    if validated := cross_validation.load(path):
        return cross_validation.load_accuracy(path, validated)
    file = path / "predictions" / f"{split}.csv"
    if not file.exists():
        return (
            f"{run['name']} holds no predictions/{split}.csv; score its model with "
            "`trash-keras evaluate` and name the folder of that instead."
        )
    return cross_validation.per_image_accuracy([Predictions.load(file)])


def _test(first: _Entry, second: _Entry) -> dict[str, Any]:
    (first_run, one), (second_run, other) = first, second
    if isinstance(one, str):
        return {"reason": one}
    if isinstance(other, str):
        return {"reason": other}
    if set(first_run["class_names"]) != set(second_run["class_names"]):
        names = (", ".join(run["class_names"]) for run in (first_run, second_run))
        return {"reason": f"they have different classes: {' and '.join(names)}."}
    folders = [run["folder"] for run in (first_run, second_run)]
    validated = [bool(cross_validation.load(folder)) for folder in folders]
    if any(validated) and not all(validated):
        return {"reason": "a cross-validation is compared with another one, not with a run."}
    if set(one) != set(other):
        same = len(set(one) & set(other))
        return {"reason": f"they were scored on other images: {same} of {len(one)} and "
                          f"{len(other)} are the same by file and class."}  # fmt: skip
    if all(validated):
        return {"images": len(one), **cross_validation.difference(one, other, folders)}
    only_first = sum(one[image] > other[image] for image in one)
    only_second = sum(other[image] > one[image] for image in one)
    return {
        "images": len(one),
        "only_first": only_first,
        "only_second": only_second,
        "p_value": mcnemar(only_first, only_second),
    }


def _different_settings(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for config in configs for name in config)
    settings = {name: [config.get(name) for config in configs] for name in names}
    # A folder that `trash-keras evaluate` wrote has no configuration; that is no difference.
    return {
        name: values
        for name, values in settings.items()
        if len({repr(value) for value, config in zip(values, configs, strict=True) if config}) > 1
    }
