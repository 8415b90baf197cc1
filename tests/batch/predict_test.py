import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from trash_keras.batch.predict import PredictOptions, predict_images
from trash_keras.data.image_files import iter_image_files
from trash_keras.metadata import ModelMetadata
from trash_keras.models import classifier
from trash_keras.predictor import Predictor

pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]


@pytest.fixture
def images(trained, tmp_path):
    """33 readable images of three colours and three that are not, in mixed order."""
    _, data, _ = trained
    good = sorted(map(str, data.glob("*/*[0-8].png"))) + sorted(map(str, data.glob("*/*10.png")))
    (tmp_path / "text.jpg").write_bytes(b"text")
    (tmp_path / "empty.png").touch()
    bad = [str(tmp_path / name) for name in ("text.jpg", "empty.png", "gone.png")]
    return [*good[:5], bad[0], *good[5:20], bad[1], bad[2], *good[20:]]


def predict(trained, images, output, examples_per_file=8, **options):
    model = str(trained[0] / "model.keras")
    chosen = PredictOptions(examples_per_file=examples_per_file, **options)
    return predict_images(model, iter(images), output, chosen)


def rows(output, pattern="predictions-*"):
    paths = sorted(Path(output).glob(pattern))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def parquet_rows(output):
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = sorted(Path(output).glob("predictions-*.parquet"))
    return [row for path in paths for row in parquet.read_table(path).to_pylist()]


def test_predictions_are_those_of_the_predictor(trained, images, tmp_path):
    counts = predict(trained, images, tmp_path / "out", batch_size=3)
    shards, total = -(-len(images) // 8), len(images)
    assert counts == {"parts": shards, "images": total, "predictions": total - 3, "errors": 3}
    predictor = Predictor.load(trained[0] / "model.keras")
    plain = [prediction.to_dict() for prediction in predictor.predict_stream(images, 3)]
    predictions = [row for row in plain if "error" not in row]
    for one, other in zip(rows(tmp_path / "out"), predictions, strict=True):
        assert list(one) == list(other)
        assert (one["file"], one["label"]) == (other["file"], other["label"])
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
    assert rows(tmp_path / "out", "errors-*") == [row for row in plain if "error" in row]


def test_shards_are_cut_in_order_and_named(trained, images, tmp_path):
    predict(trained, images, tmp_path / "out", examples_per_file=10)
    names = sorted(path.name for path in (tmp_path / "out").glob("predictions*"))
    total = -(-len(images) // 10)
    assert names == [f"predictions-{n:05d}-of-{total:05d}.jsonl" for n in range(total)]
    for number, name in enumerate(names):
        wanted = images[10 * number : 10 * number + 10]
        found = [row["file"] for row in rows(tmp_path / "out", name)]
        found += [
            row["file"] for row in rows(tmp_path / "out", name.replace("predictions", "err*"))
        ]
        assert sorted(found) == sorted(wanted)


def test_parquet_holds_the_rows_of_json_lines(trained, images, tmp_path):
    predict(trained, images, tmp_path / "lines")
    predict(trained, images, tmp_path / "table", output_format="parquet")
    assert parquet_rows(tmp_path / "table") == rows(tmp_path / "lines")
    assert rows(tmp_path / "table", "errors-*") == rows(tmp_path / "lines", "errors-*")


def test_a_shard_that_was_cut_short_is_done_again(trained, images, tmp_path):
    output = tmp_path / "out"
    predict(trained, images, output)
    whole = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    (output / "summary.json").unlink()
    (output / "parts" / "00001.json").unlink()
    kept = output / "predictions-00000-of-00005.jsonl"
    written = kept.stat().st_mtime_ns
    name = "predictions-00001-of-00005.jsonl"
    (output / name).write_text("old")
    # An attempt that found a file unreadable that is there now.
    stale = output / "errors-00003-of-00005.jsonl"
    assert not stale.exists()
    stale.write_text("old")
    (output / "parts" / "00003.json").unlink()
    predict(trained, images, output)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == whole
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": slice(1, None)}, r"images is \d+ and was \d+"),
        ({"examples_per_file": 9}, "examples_per_file is 9 and was 8"),
        ({"output_format": "parquet"}, "output_format is parquet and was jsonl"),
    ],
)
def test_other_inputs_in_the_same_folder_are_refused(trained, images, tmp_path, change, message):
    predict(trained, images, tmp_path / "out")
    before = (tmp_path / "out" / "inputs.jsonl").read_bytes()
    chosen = images[change.pop("images", slice(None))]
    with pytest.raises(ValueError, match=message):
        predict(trained, chosen, tmp_path / "out", **change)
    assert (tmp_path / "out" / "inputs.jsonl").read_bytes() == before


def test_predictions_up_to_the_threshold_are_unsure(trained, images, tmp_path):
    for output_format in ("jsonl", "parquet"):
        options = {"threshold": 1.0, "output_format": output_format}
        predict(trained, images[:5], tmp_path / output_format, **options)
    labels = [row["label"] for row in rows(tmp_path / "jsonl")]
    assert labels == [row["label"] for row in parquet_rows(tmp_path / "parquet")] == ["unsure"] * 5
    with pytest.raises(ValueError, match=r"another job: threshold is not set and was 1\.0"):
        predict(trained, images[:5], tmp_path / "jsonl")
    with pytest.raises(ValueError, match="--threshold must be between 0 and 1"):
        predict(trained, images[:5], tmp_path / "other", threshold=2.0)


def test_another_model_is_refused_and_a_moved_one_is_not(trained, images, tmp_path):
    model = trained[0] / "model.keras"
    predict(trained, images[:2], tmp_path / "out")
    (tmp_path / "moved.keras").write_bytes(model.read_bytes())
    moved = str(tmp_path / "moved.keras")
    predict_images(moved, images[:2], tmp_path / "out", PredictOptions(examples_per_file=8))
    with zipfile.ZipFile(moved, "a") as archive:
        archive.comment = b"other content"
    with pytest.raises(ValueError, match="another job: model_sha256 is"):
        predict_images(moved, images[:2], tmp_path / "out", PredictOptions(examples_per_file=8))


def test_no_images_no_model_no_format(trained, tmp_path):
    with pytest.raises(ValueError, match="There are no images"):
        predict(trained, [], tmp_path / "out")
    with pytest.raises(ValueError, match="There is no model at"):
        predict_images(str(tmp_path / "gone"), ["a.jpg"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"one of jsonl, parquet. Received: csv"):
        predict(trained, ["a.jpg"], tmp_path / "out", output_format="csv")


def test_everything_may_lie_in_an_object_store(trained, images, tmp_path):
    # fsspec's store in memory, which the threads of the local runner share.
    memory = fsspec.filesystem("memory")
    memory.put_file(str(trained[0] / "model.keras"), "/bucket/model.keras")
    for index, path in enumerate(images[:8]):
        memory.put_file(path, f"/bucket/images/{index}.png")
    there = [f"memory://bucket/images/{index}.png" for index in range(8)]
    for _ in range(2):
        counts = predict_images(
            "memory://bucket/model.keras",
            there,
            "memory://bucket/out",
            PredictOptions(examples_per_file=3),
        )
        assert counts == {"parts": 3, "images": 8, "predictions": 7, "errors": 1}
    memory.get("/bucket/out", str(tmp_path / "out"), recursive=True)
    predict(trained, images[:8], tmp_path / "local")
    assert [row["file"] for row in rows(tmp_path / "out")] == there[:5] + there[6:]
    for one, other in zip(rows(tmp_path / "out"), rows(tmp_path / "local"), strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
    memory.store.clear()


@pytest.mark.slow
def test_a_real_s3_server_serves_and_keeps_everything(trained, images, monkeypatch):
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    try:
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        type(store).clear_instance_cache()  # those of other tests know other servers
        store.mkdir("jobs")
        store.put_file(str(trained[0] / "model.keras"), "jobs/model.keras")
        for index, path in enumerate(images[:8]):
            store.put_file(path, f"jobs/images/{index}.png")
        for _ in range(2):
            counts = predict_images(
                "s3://jobs/model.keras",
                iter_image_files(["s3://jobs/images"]),
                "s3://jobs/out",
                PredictOptions(examples_per_file=3),
            )
            assert counts == {"parts": 3, "images": 8, "predictions": 7, "errors": 1}
        found = store.cat("jobs/out/predictions-*")
        files = [
            json.loads(line)["file"] for key in sorted(found) for line in found[key].splitlines()
        ]
        assert files == [f"s3://jobs/images/{index}.png" for index in (0, 1, 2, 3, 4, 6, 7)]
        with pytest.raises(ValueError, match="holds another job: images is 1 and was 8"):
            predict(trained, ["a.jpg"], "s3://jobs/out", examples_per_file=3)
    finally:
        server.stop()
        type(store).clear_instance_cache()


@pytest.mark.slow
def test_killed_half_way_it_ends_with_every_image_once(trained, tmp_path, script, kill_script):
    workdir, data, _ = trained
    names = sorted(data.rglob("*.png"))
    for index in range(800):
        os.link(names[index % len(names)], tmp_path / f"{index:04d}.png")
    (tmp_path / "0400.png").unlink()
    (tmp_path / "0400.png").write_bytes(b"text")
    output = tmp_path / "out"
    command = (
        "predict", f"--model={workdir / 'model.keras'}", "--runner=DirectRunner",
        f"--output={output}", "--examples_per_file=8", tmp_path,
    )  # fmt: skip
    kill_script(*command, when=lambda: len(list(output.glob("parts/*.json"))) >= 50)
    done = len(list(output.glob("parts/*.json")))
    assert 50 <= done < 100 and not (output / "summary.json").exists()
    finished = script(*command, fresh=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith(f"799 of 800 images classified in {output}, 1 unreadable\n")
    assert [row["file"] for row in rows(output)] == [
        str(tmp_path / f"{index:04d}.png") for index in range(800) if index != 400
    ]
    assert [row["file"] for row in rows(output, "errors-*")] == [str(tmp_path / "0400.png")]
    assert not list(output.rglob(".*.tmp"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    import keras

    model = tmp_path / "model.keras"
    inputs = keras.Input((128, 128, 3))
    classifier.build(keras.Model(inputs, keras.layers.ReLU()(inputs)), 2).save(model)
    ModelMetadata(("a", "b"), 128, "stretch").embed(model)
    Image.new("RGB", (128, 128), (9, 99, 199)).save(tmp_path / "one.jpg")
    peaks = []
    for count in (100, 1500):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        for index in range(count):
            os.link(tmp_path / "one.jpg", folder / f"{index}.jpg")
        command = [
            sys.executable, "-m", "trash_keras", "predict", f"--model={model}",
            "--runner=DirectRunner", f"--output={tmp_path / f'out{count}'}",
            "--examples_per_file=50", folder,
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        peaks.append(usage.ru_maxrss / 1024)  # MiB
    # The pixels of 1,400 more images take 263 MiB as float32.
    assert peaks[1] - peaks[0] < 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.jpg", "--runner=DirectRunner"), "takes --runner and --output"),
        (("x.jpg", "--output=gone"), "takes --runner and --output"),
        (
            ("x.jpg", "--examples_per_file=5"),
            "--examples_per_file changes nothing without --runner",
        ),
        (
            ("x.jpg", "--runner=DirectRunner", "--output=gone", "--top_k=2", "--format=json"),
            "--format, --top_k changes nothing with --runner",
        ),
        ((), "Name at least one image"),
        (("--paths_file=gone.txt",), "gone.txt"),
        (("x.jpg", "--runner=DirectRunner", "--output=gone", "--runner_options=--x=1"), "option"),
    ],
)
def test_a_user_error_is_one_line(script, trained, arguments, message):
    done = script("predict", f"--model={trained[0] / 'model.keras'}", *arguments, fresh=True)
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (ROOT / "gone").exists()


@pytest.mark.slow
def test_the_command_prints_what_the_job_writes(script, trained, images, tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(images))
    common = (f"--model={trained[0] / 'model.keras'}", f"--paths_file={tmp_path / 'names.txt'}")
    plain = script("predict", *common, "--format=json")
    assert plain.returncode == 1 and plain.stderr.count("error: ") == 3
    output = tmp_path / "out"
    job = script("predict", *common, "--runner=DirectRunner", f"--output={output}", fresh=True)
    assert job.returncode == 0, job.stderr
    assert plain.stdout == (output / "predictions-00000-of-00001.jsonl").read_text()
    # Nothing of Beam or TensorFlow but the progress bar.
    assert all(
        line.startswith("Shards: ") for line in job.stderr.replace("\r", "\n").split("\n") if line
    )
