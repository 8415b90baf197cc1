"""Mutation testing: what is sampled, and how the score is counted."""

import configparser
from pathlib import Path

import pytest

from tools import mutation

ROOT = Path(__file__).parents[2]
NAMES = [f"trash_keras.metrics.ood.x_auroc__mutmut_{n}" for n in range(9)] + [
    f"trash_keras.data.splits.x_quota__mutmut_{n}" for n in range(3)
]


def test_a_larger_sample_contains_the_smaller():
    few, more = mutation.sample(NAMES[::-1], 2), mutation.sample(NAMES, 4)
    assert few["metrics/"] == more["metrics/"][:2] != NAMES[:2]
    assert {row: len(names) for row, names in more.items()} == {"data/splits.py": 3, "metrics/": 4}
    assert sum(map(len, mutation.sample(NAMES, 0).values())) == len(NAMES)


def test_what_no_test_reaches_survived_and_what_was_not_run_does_not_count():
    verdicts = dict(zip(NAMES, [1, 1, 1, 0, 33, 36, None, 2, None, 0, 1, None], strict=True))
    rows = mutation.table(mutation.sample(NAMES, 0), verdicts).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][:3] == ["data/splits.py", "2 of 3", "1"]
    assert cells[0][3].startswith("50% (")
    assert cells[1][:3] == ["metrics/", "6 of 9", "4"] and cells[1][3].startswith("67% (")


def test_without_mutmut_one_line_names_the_target(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ValueError, match="make mutation"):
        mutation.run(["x"])


def test_what_is_mutated_and_what_tests_it_exist():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    settings = config["mutmut"]
    named = settings["only_mutate"].split() + settings["also_copy"].split()
    named += settings["pytest_add_cli_args_test_selection"].split()
    assert len(named) > 10
    for pattern in named:
        assert list(ROOT.glob(pattern)), pattern
