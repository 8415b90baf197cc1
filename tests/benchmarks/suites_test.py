import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import builders
from trash_keras.benchmarks import (
    images,
    inference_suite,
    input_ours,
    input_peers,
    startup_suite,
    suites,
    train_ours,
)
from trash_keras.benchmarks.settings import SUITES, Settings
from trash_keras.benchmarks.turns import Case, Contender


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return builders.write_solid(tmp_path_factory.mktemp("solid") / "data")


def test_drawn_images_have_their_size_and_no_two_files_are_equal(tmp_path):
    found = sorted(images.write(tmp_path / "drawn", 60, (32, 24)).rglob("*.jpg"))
    assert len(found) == 60 == len({path.read_bytes() for path in found})
    assert len({np.asarray(Image.open(path)).tobytes() for path in found}) < 60
    assert all(Image.open(path).size == (32, 24) for path in found)


def test_large_images_are_drawn_small_and_enlarged(tmp_path):
    folder = images.write(tmp_path / "large", 6, (1200, 900))
    assert {Image.open(path).size for path in folder.rglob("*.jpg")} == {(1200, 900)}


def test_ours_reads_each_image_of_the_folder_once_an_epoch(folder):
    settings = {"data_dir": str(folder), "image_size": 16, "batch_size": 4}
    cold, warm = input_ours.cold(**settings), input_ours.warm(**settings)
    for turn in (cold, warm):
        found = turn()
        assert found["images_per_second"] > 0 and found["memory_mb"] > 50


@pytest.mark.parametrize("kind", ["cold", "warm"])
def test_keras_reads_as_many_images_as_ours(folder, kind, monkeypatch):
    seen = []
    monkeypatch.setattr(input_peers, "figures", lambda count, seconds: seen.append(count) or {})
    monkeypatch.setattr(input_ours, "figures", lambda count, seconds: seen.append(count) or {})
    getattr(input_peers, f"keras_{kind}")(str(folder))()
    getattr(input_ours, kind)(data_dir=str(folder))()
    count = sum(1 for path in Path(folder).rglob("*") if path.is_file())
    assert seen[1] <= count and abs(seen[0] - seen[1]) <= 3  # splits round each in its own way
    if kind == "cold":
        assert seen == [count, count]


def test_a_step_is_timed_on_constant_batches_and_on_images(folder, toy_backbone):
    options = {"image_size": 16, "batch_size": 4, "backbone": str(toy_backbone)}
    for data_dir in ("", str(folder)):
        assert train_ours.step(**options, data_dir=data_dir)()["images_per_second"] > 0


def test_a_suite_without_peers_needs_no_further_package(tmp_path):
    model = next(Path(suites.__file__).parents[1].glob("assets/*.tflite"))
    for peers in (False, True):
        settings = Settings(tmp_path, SUITES, peers, 60, 1, (1,), str(tmp_path), (str(model),))
        found = [case for suite in ("startup", "train") for case in suites.cases(settings, suite)]
        needs = {need for case in found for peer in case.peers for need in peer.needs}
        assert bool(needs) == peers
        assert all(case.peers for case in found)


def test_every_case_has_contenders_of_different_names_that_are_there(tmp_path, monkeypatch):
    from trash_keras.benchmarks import exports

    files = ["m.keras", "m.tflite", "m.onnx"]
    monkeypatch.setattr(exports, "models", lambda settings: files)
    monkeypatch.setattr(exports, "image_size", lambda model: 16)
    monkeypatch.setattr(images, "write", lambda folder, *_, **__: folder)
    (tmp_path / "few" / "a").mkdir(parents=True)
    (tmp_path / "few" / "a" / "1.jpg").touch()
    settings = Settings(tmp_path, SUITES, True, data_dir=str(tmp_path), cores=(1,))
    for suite in SUITES:
        for case in suites.cases(settings, suite):
            everyone = [*case.ours, *case.peers]
            assert len({one.name for one in everyone}) == len(everyone), case.name
            for one in everyone:
                module, function = one.target.split(":")
                found = __import__(f"trash_keras.benchmarks.{module}", fromlist=[function])
                assert callable(getattr(found, function))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"suites": ("input", "speed")}, "--suite must be one or more of .* Received: speed"),
        ({"cores": (1, 4096)}, "must not be above"),
        ({"data_dir": "no/such/folder"}, "there is no folder no/such/folder"),
        ({"models": (__file__,)}, "--model takes"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_measured(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        Settings(tmp_path, **{"suites": ("input",), **options})


def test_one_image_and_a_folder_are_classified(folder):
    from trash_keras import pretrained
    from trash_keras.benchmarks import inference_ours

    image = next(str(path) for path in Path(folder).rglob("*") if path.is_file())
    found = inference_ours.one_image(str(pretrained.path()), image, threads=1)()
    assert set(found) == {
        metric.key for metric in (*inference_suite.ONE_IMAGE, inference_suite.SIZE)
    }
    assert 0 < found["array_p50"] <= found["array_p95"]
    assert found["size_mb"] == pytest.approx(4.18, abs=0.01)
    found = inference_ours.folder(str(pretrained.path()), str(folder), threads=1)()
    assert set(found) == {metric.key for metric in inference_suite.FOLDER}


def test_what_was_measured_before_a_kill_is_written(tmp_path, monkeypatch):
    def cases(settings, suite):
        options = {"arguments": ["-c", "pass"]}
        one, other = (Contender(name, "startup_command:command", options) for name in "AB")
        yield Case(suite, "first", (one,), (other,), (startup_suite.SECONDS,))
        raise KeyboardInterrupt

    monkeypatch.setattr(suites, "cases", cases)
    with pytest.raises(KeyboardInterrupt):
        suites.run_and_write(Settings(tmp_path, ("startup",), cores=(1,)), 1, tmp_path)
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert [row["case"] for row in written["rows"]] == ["first"] and not written["complete"]
    assert "not come to its end" in (tmp_path / "benchmark.md").read_text()


def test_what_fails_of_ours_is_an_error_after_the_rest_is_written(tmp_path, monkeypatch):
    def cases(settings, suite):
        contenders = {"A": "raise SystemExit('broken')", "B": "pass"}
        ours, peer = (
            Contender(name, "startup_command:command", {"arguments": ["-c", code]})
            for name, code in contenders.items()
        )
        yield Case(suite, "first", (ours,), (peer,), (startup_suite.SECONDS,))

    monkeypatch.setattr(suites, "cases", cases)
    with pytest.raises(ValueError, match=r"1 of this package failed.* first, A: .*broken"):
        suites.run_and_write(Settings(tmp_path, ("startup",), cores=(1,)), 1, tmp_path)
    assert json.loads((tmp_path / "benchmark.json").read_text())["complete"]


@pytest.mark.weekly
@pytest.mark.slow
def test_the_command_writes_rows_and_a_table(script, tmp_path):
    from trash_keras import pretrained

    output = tmp_path / "out"
    done = script(
        "benchmark", "--suite=startup", "--rounds=1", f"--output={output}", pretrained.path()
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((output / "benchmark.json").read_text())
    assert {"machine", "versions", "rows", "not_run", "suites", "rounds"} <= set(written)
    assert written["complete"] is True
    assert {row["case"] for row in written["rows"]} >= {"--help", "import"}
    for row in written["rows"]:
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]
    assert (output / "benchmark.md").read_text() in done.stdout + "\n"
    left = {path.name for path in output.iterdir()} - {".lock"}
    assert left == {"benchmark.json", "benchmark.md"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--suite=input",), "needs --output=DIR"),
        (("--suite=speed", "--output={out}"), "input, train, inference, startup"),
        (("--peers", "m.tflite"), "--peers changes nothing without --suite"),
    ],
)
def test_a_mistake_is_one_line(script, tmp_path, arguments, words):
    out = tmp_path / "out"
    done = script("benchmark", *(argument.format(out=out) for argument in arguments))
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
    assert not out.exists()
