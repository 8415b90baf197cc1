import dataclasses
import sys

import pytest

from trash_keras.benchmarks import results, turns
from trash_keras.benchmarks.turns import Case, Contender, Measured, Metric
from trash_keras.evaluation import workers

RATE = Metric("images_per_second", "", "images/s", more_is_better=True)
SECONDS = Metric("seconds", "", "s")


def contender(name, arguments=("-c", "pass"), **options):
    return Contender(name, "startup_command:command", {"arguments": [*arguments]}, **options)


def case(*peers, metrics=(SECONDS,), **options):
    return Case("startup", "nothing", (contender("ours"),), peers, metrics, **options)


def test_contenders_take_turns_in_processes_of_their_own(tmp_path):
    log = tmp_path / "log"
    code = f"import os; open({str(log)!r}, 'a').write(__import__('sys').argv[1])"
    ours, peer = (contender(name, ("-c", code, name)) for name in "AB")
    measured = turns.measure(Case("startup", "log", (ours,), (peer,), (SECONDS,)), rounds=3)
    assert log.read_text() == "AB" * 4  # the first round does not count
    assert {name: len(figures) for name, figures in measured.figures.items()} == {"A": 3, "B": 3}
    assert all(0 < one["seconds"] < 60 for one in measured.figures["A"])


def test_a_fresh_contender_gets_a_process_each_turn(monkeypatch):
    started, start = [], workers.start
    monkeypatch.setattr(workers, "start", lambda *args: started.append(args[1]) or start(*args))
    pair = case(contender("peer", fresh=True))
    turns.measure(pair, rounds=2)
    assert len(started) == 1 + 3


def test_what_takes_minutes_has_one_turn_and_no_other():
    measured = turns.measure(case(contender("peer"), most_rounds=1, warms_up=False), rounds=5)
    assert [len(figures) for figures in measured.figures.values()] == [1, 1]


def test_what_warms_up_by_itself_has_no_turn_that_does_not_count(monkeypatch):
    started, start = [], workers.start
    monkeypatch.setattr(workers, "start", lambda *args: started.append(args[1]) or start(*args))
    pair = case(contender("peer", fresh=True), warms_up=False)
    assert len(turns.measure(pair, rounds=2).figures["peer"]) == 2
    assert len(started) == 1 + 2


def test_a_missing_peer_is_named_with_what_installs_it():
    pair = case(contender("gone", needs=("sys", "no_such_module")))
    measured = turns.measure(pair, rounds=1)
    (row,) = results.not_run(pair, measured)
    assert row == {
        "suite": "startup", "case": "nothing", "peer": "gone",
        "why": "not installed: pip install no_such_module", "is_ours": False,
    }  # fmt: skip
    assert results.rows(pair, measured) == []


def test_a_peer_that_fails_stops_nobody_and_says_why():
    pair = case(contender("broken", ("-c", "raise SystemExit('no luck')")), contender("peer"))
    measured = turns.measure(pair, rounds=1)
    assert "no luck" in measured.not_run["broken"]
    (row,) = results.rows(pair, measured)
    assert row["peer"] == "peer"


def figures(key, ours, theirs):
    return Measured(
        {"ours": [{key: value} for value in ours], "peer": [{key: value} for value in theirs]}, {}
    )


@pytest.mark.parametrize(
    ("metric", "ratio", "spread"), [(RATE, 2.0, [1.0, 4.0]), (SECONDS, 0.5, [0.25, 1.0])]
)
def test_more_than_one_is_better_for_this_package_of_rates_and_of_times(metric, ratio, spread):
    pair = case(contender("peer"), metrics=(metric,))
    (row,) = results.rows(pair, figures(metric.key, (100, 200, 400), (100, 100, 100)))
    assert list(row) == ["suite", "case", "peer", "ours", "theirs", "ratio", "unit", "spread"]
    assert (row["ours"], row["theirs"]) == (200, 100)
    assert (row["ratio"], row["spread"]) == (ratio, spread)


def test_the_ratio_lies_in_its_spread_whatever_the_rounds():
    ours, theirs = (3.1, 0.2, 1.7, 9.9), (2.0, 0.7, 8.8, 0.1)
    for metric in (RATE, SECONDS):
        pair = case(contender("peer"), metrics=(metric,))
        (row,) = results.rows(pair, figures(metric.key, ours, theirs))
        low, high = row["spread"]
        assert low < row["ratio"] < high


def test_a_figure_that_only_one_of_them_has_makes_no_row():
    pair = case(contender("peer"), metrics=(RATE, SECONDS))
    measured = Measured(
        {"ours": [{"seconds": 1, "images_per_second": 2}], "peer": [{"seconds": 2}]}, {}
    )
    assert [row["unit"] for row in results.rows(pair, measured)] == ["s"]


def test_each_of_ours_is_compared_with_each_peer():
    pair = dataclasses.replace(case(contender("peer")), ours=(contender("a"), contender("b")))
    measured = Measured({name: [{"seconds": 1}] for name in ("a", "b", "peer")}, {})
    assert [row["case"] for row in results.rows(pair, measured)] == ["nothing, a", "nothing, b"]


@pytest.mark.skipif(sys.platform != "linux", reason="CPU affinity is Linux's")
def test_a_contender_gets_no_more_cores_than_it_should():
    code = "import os; raise SystemExit(f'{len(os.sched_getaffinity(0))} cores')"
    one = contender("ours", ("-c", code), cores=1)
    measured = turns.measure(Case("startup", "cores", (one,), (), (SECONDS,)), rounds=1)
    assert measured.not_run["ours"].endswith("1 cores")
