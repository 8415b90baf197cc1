import dataclasses
import json
import sys
import threading

import pytest

from trash_keras.batch import beam
from trash_keras.storage import local

pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")


@dataclasses.dataclass(frozen=True)
class Note:
    """Writes a file for each shard, and a trace of each attempt."""

    output: str
    fails: int = -1

    def __call__(self, number):
        with open(f"{self.output}/.attempts-{number}", "a") as file:
            file.write("x")
        if number == self.fails:
            raise OSError(28, "No space left on device")
        local.write_text(f"{self.output}/shard-{number}", f"{number}")
        return {"lines": 1, "bytes": number}


def run(output, shards, fails=-1, description=None, runner="DirectRunner", options="", **expected):
    beam_options = beam.pipeline_options(runner, options)
    beam.open_job(output, description or {"shards": shards})
    return beam.run_shards(Note(str(output), fails), shards, output, beam_options, expected)


def attempts(output):
    return {path.name: len(path.read_text()) for path in output.glob(".attempts-*")}


def test_every_shard_is_done_once_and_counted(tmp_path):
    summary = run(tmp_path, 7, lines=7)
    assert summary == {"parts": 7, "lines": 7, "bytes": 21}
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert sorted(path.read_text() for path in tmp_path.glob("shard-*")) == list("0123456")
    assert list(attempts(tmp_path).values()) == [1] * 7


def test_the_local_runner_works_in_several_threads(tmp_path):
    assert "--direct_running_mode=multi_threading" in beam._LOCAL_OPTIONS
    names = set()

    def work(number):
        names.add(threading.current_thread().name)
        return {}

    beam.open_job(tmp_path, {})
    options = beam.pipeline_options("DirectRunner", "--direct_num_workers=2")
    # Beam pickles the work; only what it finds by its module's name stays the same object.
    sys.modules[__name__].shared_work = work
    beam.run_shards(shared, 40, tmp_path, options, {})
    assert len(names) == 2


def shared(number):
    return sys.modules[__name__].shared_work(number)


@pytest.mark.parametrize("mode", ["in_memory", "multi_threading"])
def test_a_failing_shard_says_why_and_the_rest_continues(tmp_path, mode):
    single = f"--direct_running_mode={mode} --direct_num_workers=1"
    with pytest.raises(OSError, match=r"stopped at shard 3: .*No space left on device\. What is"):
        run(tmp_path, 6, fails=3, options=single)
    before = attempts(tmp_path)
    done = set(beam._done(tmp_path))
    assert 3 not in done and not (tmp_path / "summary.json").exists()
    assert run(tmp_path, 6, options=single, lines=6)["bytes"] == 15
    for number in range(6):
        name = f".attempts-{number}"
        assert attempts(tmp_path)[name] == before.get(name, 0) + (number not in done)


def test_a_finished_job_does_nothing(tmp_path):
    first = run(tmp_path, 3)
    assert run(tmp_path, 3) == first
    assert set(attempts(tmp_path).values()) == {1}


def test_what_killed_workers_left_goes_away_at_the_end(tmp_path):
    leftover = tmp_path / ".shard-1-abc.tmp"
    leftover.mkdir()
    (leftover / "shard-1").write_text("half")
    run(tmp_path, 2)
    assert not leftover.exists()
    assert (tmp_path / "shard-1").read_text() == "1"


def test_another_job_in_the_same_folder_is_refused(tmp_path):
    run(tmp_path, 2, description={"size": 5, "names": "a" * 64})
    with pytest.raises(ValueError, match=r"another job: size is 6 and was 5, names is b{12} and"):
        run(tmp_path, 2, description={"size": 6, "names": "b" * 64})
    with pytest.raises(ValueError, match="another job: names is not set and was a"):
        run(tmp_path, 2, description={"size": 5})


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(ValueError, match="is not empty and holds no job"):
        run(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_wrong_counts_are_an_error(tmp_path):
    with pytest.raises(RuntimeError, match=r"counts \{'lines': 2\} instead of \{'lines': 3\}"):
        run(tmp_path, 2, lines=3)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize(
    ("runner", "text", "message"),
    [
        ("LocalRunner", "", "runner must be one of DirectRunner, .* Received: LocalRunner"),
        ("DirectRunner", "--direct_num_worker=2", "has no option --direct_num_worker for"),
        ("DirectRunner", "--direct_num_workers=x", "direct_num_workers: invalid int value"),
        ("DirectRunner", "--project='x", "No closing quotation"),
    ],
)
def test_wrong_options_are_refused(capfd, runner, text, message):
    with pytest.raises(ValueError, match=message):
        beam.pipeline_options(runner, text)
    assert not capfd.readouterr().err


def test_without_beam_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[train,beam\]' && .*--no-deps"):
        beam.pipeline_options("DirectRunner")


def test_a_portable_runner_does_the_shards_elsewhere(tmp_path):
    options = "--job_endpoint=embed --environment_type=LOOPBACK"
    assert run(tmp_path, 3, runner="PortableRunner", options=options, lines=3)["bytes"] == 3


def test_a_runner_that_cannot_be_reached_is_one_line(tmp_path):
    options = "--job_endpoint=localhost:1 --environment_type=LOOPBACK --job_server_timeout=1"
    with pytest.raises(OSError, match="Beam's runner failed: "):
        run(tmp_path, 3, runner="PortableRunner", options=options)
