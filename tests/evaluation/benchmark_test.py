import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest

from trash_keras.evaluation import benchmark, workers
from trash_keras.metadata import ModelMetadata

METADATA = ModelMetadata(("blue", "green", "red"), 16, "stretch")


@pytest.fixture(scope="module")
def phone_model(toy_backbone, tmp_path_factory):
    from trash_keras.exporters import tflite
    from trash_keras.exporters.model_info import ModelInfo
    from trash_keras.exporters.spec import ExportSpec
    from trash_keras.models import backbones, classifier

    scaling, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
    path = tmp_path_factory.mktemp("timing") / "model.tflite"
    model = classifier.build(backbone, 3, scaling=scaling)
    about = ModelInfo("Toy", "Toy.", "", {})
    tflite.write_float32(ExportSpec(model, METADATA, about, calibration=lambda: None), path)
    return path


def test_models_take_turns_and_each_has_its_figures(phone_model, monkeypatch):
    asked = []
    worker = benchmark._worker

    @contextlib.contextmanager
    def watched(path, threads, trust_model):
        with worker(path, threads, trust_model) as predict:
            yield lambda images: asked.append((path.name, threads)) or predict(images)

    monkeypatch.setattr(benchmark, "_worker", watched)
    other = phone_model.with_name("other.tflite")
    other.write_bytes(phone_model.read_bytes())
    found = benchmark.measure({"one": phone_model, "other": other}, rounds=3)
    assert set(found) == {"one", "other"}
    for row in found.values():
        assert set(row["latency"]) == {"threads_1", "threads_2"}
        for figures in row["latency"].values():
            assert 0 < figures["p50_ms"] <= figures["p95_ms"] < 10_000
        # Python, NumPy, Pillow and LiteRT; TensorFlow alone would be several times that.
        assert 20 < row["peak_memory_mb"] < 250
    one, two = "model.tflite", "other.tflite"
    order = [one, two, two, one, one, two, two, one]
    assert asked == [(name, threads) for threads in (1, 2) for name in order]


def test_no_tensorflow_is_loaded_to_time_a_phone_model(phone_model):
    code = (
        "import sys; from trash_keras.evaluation import benchmark; sys.stdin = iter(['1'])\n"
        f"benchmark._run_worker({str(phone_model)!r}, 1)\n"
        "assert not {'tensorflow', 'keras', 'scipy', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"milliseconds": [' in done.stdout and "peak_memory" in done.stdout


def test_memory_is_that_of_the_process_and_not_of_the_one_that_started_it():
    ballast = np.ones(40_000_000)  # 320 MB
    code = "from trash_keras.evaluation import workers; print(workers.peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert workers.peak_memory() > ballast.nbytes > int(done.stdout) > 10_000_000


def test_a_model_that_cannot_predict_is_named(phone_model):
    broken = phone_model.with_name("broken.tflite")
    broken.write_bytes(b"nonsense")
    METADATA.embed(broken)
    with pytest.raises(ValueError, match=r"broken\.tflite cannot be timed: .*cannot be loaded"):
        benchmark.measure({"good": phone_model, "broken": broken}, threads=(1,), rounds=1)


@pytest.mark.parametrize("options", [{"rounds": 0}, {"threads": ()}, {"threads": (0, 1)}])
def test_no_round_or_no_thread_is_refused(phone_model, options):
    with pytest.raises(ValueError, match="one round and one thread or more"):
        benchmark.measure({"one": phone_model}, **options)


def test_speeds_are_those_beside_the_first_model():
    def row(p50, p95, memory):
        return {"latency": {"threads_2": {"p50_ms": p50, "p95_ms": p95}}, "peak_memory_mb": memory}

    lines = benchmark.table({"one.keras": row(9.0, 12.0, 700.2), "two": row(6.0, 6.5, 80)})
    assert lines.splitlines() == [
        "one.keras  2 threads: median 9.0 ms, p95 12.0 ms, speed 1.00  peak memory 700 MB",
        "two        2 threads: median 6.0 ms, p95 6.5 ms, speed 1.50  peak memory 80 MB",
    ]


@pytest.mark.slow
def test_the_script_times_what_it_is_given(phone_model, script, tmp_path):
    output = tmp_path / "speed.json"
    done = script("benchmark", phone_model, "--threads=1", "--rounds=1", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert "1 thread: median" in done.stdout and "speed 1.00" in done.stdout
    written = json.loads(output.read_text())
    assert set(written) == {"machine", "models"} and str(phone_model) in written["models"]
    for arguments, words in (((phone_model, "--threads=0"), "numbers from 1"), ((), "at least")):
        done = script("benchmark", *arguments)
        assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1


def test_the_machine_is_described():
    found = benchmark.machine()
    assert set(found) == {"cpu", "cores", "system"} and found["cores"] >= 1
