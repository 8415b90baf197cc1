"""The real commands, as a user runs them."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
TOY = ("--image_size=16", "--batch_size=8", "--head_epochs=6", "--finetune_epochs=6",
       "--head_learning_rate=0.05", "--deterministic", "--accelerator=cpu")  # fmt: skip


def rows(workdir):
    with (workdir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("train", "--data_dir=gone/data", "--workdir=gone"), 1, "There is no data folder gone"),
        (("train", "--dropout=3"), 1, "--dropout must be between 0 and 0.95"),
        (("train", "--dropot=3"), 2, "Unknown flag --dropot. Did you mean --dropout?"),
        (("train", "dropout=3"), 1, "Not a flag: dropout=3"),
        (("train", "--accelerator=tpu", "--workdir=gone"), 1, "No TPU responds under the name"),
        (
            ("cross_validate", "--split_method=official"),
            1,
            "must be one of stratified, grouped",
        ),
        (("cross_validate", "--folds=1"), 1, "--folds must be between 2 and 1000"),
        (
            ("train", "--split_method=grouped", "--groups=gone", "--data_dir=tests"),
            1,
            "No usable groups at gone",
        ),
        (("predict", "--model=gone", "x.jpg"), 1, "There is no model at gone"),
        (
            ("evaluate", "--model=README.md", "--data_dir=x", "--output=x"),
            1,
            "--model takes a .keras, .tflite or .onnx file",
        ),
        (("predict", "--model=x", "--max_megapixels=0", "x.jpg"), 2, "flag --max_megapixels=0"),
        (
            ("evaluate", "--model=x", "--data_dir=x", "--output=x", "--robustness_images=3"),
            1,
            "--robustness_images changes nothing without --robustness",
        ),
        (("export", "--workdir=gone"), 1, "There is no model at"),
        (("compare", "tests", "gone"), 1, "tests holds no run"),
        (("compare", "--split=best", "gone"), 2, "should be one of <train|valid|test|all>"),
        (("prepare", "--data_dir=tests"), 1, "already exists and is not empty"),
    ],
)
@pytest.mark.slow
def test_a_user_error_is_one_line(script, arguments, status, message):
    done = script(*arguments)
    assert done.returncode == status
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (ROOT / "gone").exists()


@pytest.mark.slow
def test_a_preset_is_read(script):
    done = script("train", "--preset=demo", "--data_dir=gone")
    assert "There is no data folder gone" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["ResNet50", "EfficientNetV2S", "ConvNeXtTiny"])
def test_presets_of_keras_applications_go_as_far_as_the_download(
    script, data_dir, tmp_path, backbone
):
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path / "keras")}
    done = script(
        "train", f"--preset={backbone.lower()}", f"--data_dir={data_dir}",
        f"--workdir={tmp_path / 'run'}", env=os.environ | nowhere,
    )  # fmt: skip
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"error: The ImageNet weights of {backbone} cannot be downloaded")
    assert message.endswith("or --weights=none to train from scratch.")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_killed_in_each_phase_it_ends_like_an_unbroken_run(
    script, kill_script, tmp_path, data_dir, toy_backbone
):
    flags = (f"--data_dir={data_dir}", f"--backbone={toy_backbone}", *TOY)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert script("train", *flags, f"--workdir={whole}").returncode == 0
    for phase in ("head", "finetune"):
        state = broken / "backup" / phase / "state.json"
        kill_script("train", *flags, f"--workdir={broken}", when=state.exists)
        assert not (broken / "report.json").exists()
    assert script("train", *flags, f"--workdir={broken}").returncode == 0
    assert len(rows(whole)) == len(rows(broken)) == 12
    for one, other in zip(rows(whole), rows(broken), strict=True):
        assert (one.pop("phase"), one["epoch"]) == (other.pop("phase"), other["epoch"])
        assert {name: float(value) for name, value in one.items()} == pytest.approx(
            {name: float(value) for name, value in other.items()}, abs=1e-5
        )


@pytest.mark.slow
def test_resnet50_from_images_to_predictions(script, tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    assert script("prepare", f"--data_dir={data}", "--images_per_class=8").returncode == 0
    done = script(
        "train", f"--data_dir={data}", f"--workdir={run}", "--weights=none", "--image_size=32",
        "--head_epochs=2", "--finetune_epochs=1", "--batch_size=16",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = script("export", f"--workdir={run}", "--timing_rounds=0")
    assert done.returncode == 0, done.stderr
    for facts in json.loads((run / "export/export.json").read_text())["kinds"].values():
        assert facts["max_difference"] < 1e-4
    (tmp_path / "bad.jpg").write_bytes(b"text")
    paths = [data / "glass/glass1.jpg", tmp_path / "bad.jpg", data / "metal"]
    predictions = []
    for model in ("model.keras", "export/saved_model", "export/model_float32.tflite"):
        done = script("predict", f"--model={run / model}", "--format=json", *paths)
        assert done.returncode == 1 and "bad.jpg: not a JPEG, PNG, WebP" in done.stderr
        predictions.append([json.loads(line) for line in done.stdout.splitlines()])
    assert len(predictions[0]) == 9 and set(predictions[0][0]["probabilities"]) == {
        "cardboard", "glass", "metal", "paper", "plastic", "trash"
    }  # fmt: skip
    for other in predictions[1:]:
        for one, two in zip(predictions[0], other, strict=True):
            assert one["file"] == two["file"]
            assert one["probabilities"] == pytest.approx(two["probabilities"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs TrashNet and a backbone in ../shared")
def test_a_few_hundred_real_images(script, tmp_path):
    for folder in (SHARED / "trashnet/images").iterdir():
        (tmp_path / "data" / folder.name).mkdir(parents=True)
        for image in sorted(folder.glob("*.jpg"))[::12]:
            (tmp_path / "data" / folder.name / image.name).symlink_to(image)
    done = script(
        "train", f"--data_dir={tmp_path / 'data'}", f"--workdir={tmp_path / 'run'}",
        f"--backbone={SHARED / 'backbones/efficientnet_lite0.keras'}", "--finetune_epochs=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["train"]["examples"] > 130
    # Some 60 images that were not trained on. Seeds give 0.67 to 0.77; chance is 0.25.
    assert (report["valid"]["accuracy"] + report["test"]["accuracy"]) / 2 > 0.55


@pytest.mark.slow
def test_a_run_is_compared_with_its_own_export(tmp_path, trained, script):
    workdir, (_, data, report) = shutil.copytree(trained[0], tmp_path / "run"), trained
    done = script("export", f"--workdir={workdir}", "--formats=float32", "--timing_rounds=1")
    assert done.returncode == 0, done.stderr
    scored = script(
        "evaluate", f"--model={workdir}/export/model_float32.tflite", f"--data_dir={data}",
        f"--catalog={workdir}/catalog.json", f"--output={tmp_path / 'tflite'}",
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    done = script("compare", workdir, tmp_path / "tflite", f"--output={tmp_path / 'compared'}")
    assert done.returncode == 0, done.stderr
    exported = json.loads((workdir / "export/export.json").read_text())["kinds"]["float32"]
    evaluated = json.loads((tmp_path / "tflite/report.json").read_text())["test"]
    for figure in ("accuracy", "accuracy_interval", "ece"):
        assert exported[figure] == evaluated[figure]
    assert exported["latency"]["threads_2"]["p95_ms"] > 0 and exported["agreement"] == 1
    images = report["test"]["examples"]
    assert f"of {images} images, 0 are right in run alone and 0 in tflite alone" in done.stdout
    compared = json.loads((tmp_path / "compared" / "comparison.json").read_text())
    assert compared["runs"][0]["accuracy"] == report["test"]["accuracy"]
    assert compared["runs"][0]["exports"]["float32"] > 1000
    assert compared["tests"][0]["p_value"] == 1


@pytest.mark.slow
def test_every_model_format_is_scored_on_renamed_and_on_corrupted_images(tmp_path, trained, script):
    workdir, data, _ = trained
    run = shutil.copytree(workdir, tmp_path / "run")
    assert script("export", f"--workdir={run}", "--timing_rounds=0").returncode == 0
    external = tmp_path / "external"
    for own, theirs in (("red", "ruby"), ("green", "moss"), ("blue", "sea")):
        shutil.copytree(data / own, external / theirs)
    label_map, found = tmp_path / "map.json", []
    label_map.write_text('{"ruby": "red", "moss": "green", "sea": null}')
    for model in ("export/model_float32.tflite", "export/saved_model", "model.keras"):
        output = tmp_path / Path(model).name
        flags = (f"--model={run / model}", f"--data_dir={external}", f"--output={output}",
                 f"--label_map={label_map}")  # fmt: skip
        done = script("evaluate", *flags, "--robustness", "--robustness_images=6")
        assert done.returncode == 0, done.stderr
        assert "robustness: mean accuracy" in done.stdout
        found.append(json.loads((output / "report.json").read_text()))
        assert (output / "figures/robustness.png").exists()
    label_map.write_text('{"ruby": "red", "moss": "green"}')
    done = script("evaluate", *flags)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "The label map lacks classes of the data: sea" in done.stderr
    for report in found:
        assert report["label_map"]["left_out"] == {"sea": 12}
        assert report["all"]["examples"] == 24 and report["all"]["macro_f1"] == 1
        assert report["robustness"]["examples"] == 6
        assert report["robustness"]["mean_accuracy"] == found[0]["robustness"]["mean_accuracy"]
