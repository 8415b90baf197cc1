import json

import pytest

from tools import pareto


@pytest.fixture
def exported(tmp_path):
    """Writes export.json of a run whose files have (accuracy, bytes, ms); returns the run."""

    def write(name, **kinds):
        facts = {
            kind: {"path": "x", "bytes": size, "accuracy": accuracy,
                   "accuracy_interval": [round(accuracy - 0.02, 4), accuracy + 0.02],
                   "latency": {"threads_1": {"p50_ms": ms, "p95_ms": 2 * ms}}}
            for kind, (accuracy, size, ms) in kinds.items()
        }  # fmt: skip
        folder = tmp_path / name / "export"
        folder.mkdir(parents=True)
        (folder / "export.json").write_text(json.dumps({"kinds": facts}))
        return tmp_path / name

    return write


@pytest.fixture
def runs(exported):
    """Two students, of which the small one's float32 file is good for nothing."""
    large = exported("a/large", float32=(0.95, 14e6, 9.0), int8=(0.945, 4e6, 12.0),
                     saved_model=(0.95, 20e6, 20.0))  # fmt: skip
    return large, exported("small", float32=(0.91, 14e6, 5.0), int8=(0.92, 4e6, 4.0))


def frontiers(points):
    return {(point["run"], point["kind"]): point["frontier"] for point in points}


def test_a_file_is_on_a_frontier_unless_another_is_as_good_and_cheaper(runs):
    assert frontiers(pareto.read(runs)) == {
        ("large", "float32"): ["megabytes", "milliseconds"],
        ("large", "int8"): ["megabytes"],
        ("small", "float32"): [],
        ("small", "int8"): ["milliseconds"],
    }


def test_of_equals_both_are_on_it(exported):
    points = pareto.read([exported(name, int8=(0.9, 4e6, 4.0)) for name in ("a", "b")])
    assert [point["frontier"] for point in points] == [["megabytes", "milliseconds"]] * 2


def test_figures_are_those_of_the_export(runs):
    point = pareto.read(runs[:1], ["int8"])
    assert point == [{"run": "large", "kind": "int8", "accuracy": 0.945,
                      "accuracy_interval": [0.925, 0.965], "megabytes": 4.0, "milliseconds": 12.0,
                      "frontier": ["megabytes", "milliseconds"]}]  # fmt: skip


def test_runs_of_one_name_are_told_apart(exported):
    points = pareto.read([exported(f"{part}/run", int8=(0.9, 4e6, 4.0)) for part in "ab"])
    assert [point["run"] for point in points] == ["a/run", "b/run"]


def test_the_table_goes_by_size_and_says_how_far_the_teacher_is(runs):
    teacher = {"run": "best", "accuracy": 0.95, "accuracy_interval": [0.93, 0.97]}
    lines = pareto.points_table(pareto.read(runs), teacher).splitlines()
    assert lines[2] == "| large | int8 | 94.5% | 92.5% to 96.5% | 4.00 * | 12.0 | -0.5 |"
    assert lines[-1] == "| best | the teacher | 95.0% | 93.0% to 97.0% |  |  |  |"
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 7
    assert "teacher" not in pareto.points_table(pareto.read(runs))


def test_the_teacher_is_scored_on_its_test_split(trained, tmp_path):
    workdir, _, report = trained
    teacher = pareto.read_teacher(workdir)
    assert teacher["run"] == "run" and teacher["accuracy"] == report["test"]["accuracy"]
    with pytest.raises(ValueError, match=r"There is no .*report\.json"):
        pareto.read_teacher(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps({"valid": report["valid"]}))
    with pytest.raises(ValueError, match="has no test split"):
        pareto.read_teacher(tmp_path)


def test_what_is_no_list_of_runs_is_refused(runs):
    for folders in ([], [runs[0], runs[0]]):
        with pytest.raises(ValueError, match="at least one run, and each once"):
            pareto.read(folders)


def test_a_run_that_was_not_exported_is_refused_with_the_command(tmp_path, exported):
    with pytest.raises(ValueError, match=rf"no export/export.json.*--workdir={tmp_path}"):
        pareto.read([tmp_path])
    run = exported("run", saved_model=(0.9, 4e6, 4.0))
    with pytest.raises(ValueError, match=r"none of the formats float32, .* but saved_model"):
        pareto.read([run])


@pytest.mark.parametrize("gone", ["accuracy", "accuracy_interval", "bytes", "latency", "p50_ms"])
def test_a_file_without_figures_is_named(exported, gone):
    run = exported("run", int8=(0.9, 4e6, 4.0))
    source = run / "export" / "export.json"
    source.write_text(source.read_text().replace(f'"{gone}"', '"other"'))
    with pytest.raises(
        ValueError, match=rf"int8 file of .*lacks figures: no '{gone}'.*again: trash"
    ):
        pareto.read([run])


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kinds": 3}'])
def test_a_damaged_export_is_named(exported, text):
    run = exported("run", int8=(0.9, 4e6, 4.0))
    (run / "export" / "export.json").write_text(text)
    with pytest.raises(ValueError, match=r"export\.json is damaged"):
        pareto.read([run])


@pytest.mark.slow
def test_the_tool_writes_figure_and_tables(runs, trained, script, tmp_path):
    output = tmp_path / "out"
    done = script("tools.pareto", f"--output={output}", f"--teacher={trained[0]}", *runs)
    assert done.returncode == 0 and "the teacher" in done.stdout, done.stderr
    written = json.loads((output / "frontier.json").read_text())
    assert len(written["files"]) == 4 and written["teacher"]["run"] == "run"
    assert (output / "frontier.md").read_text() in done.stdout
    assert (output / "frontier.png").stat().st_size > 10_000
    done = script("tools.pareto", f"--output={output}", tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
