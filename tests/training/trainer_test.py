import csv
import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.batch.shards import Layout, write_shards
from trash_keras.data.catalog import SPLITS
from trash_keras.data.readers.base import FolderReader, read_images
from trash_keras.data.sources import prepare
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics import classification
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import backbones, classifier
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.reporting.report import rerender
from trash_keras.training import run_data
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.trainer import save_model, train_and_evaluate

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
# Two logical CPU devices stand in for two GPUs.
TWO_DEVICES = """
import dataclasses, sys
import tensorflow as tf
from pathlib import Path
from trash_keras.config import load
from trash_keras.training import devices
from trash_keras.training.trainer import train_and_evaluate

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
config, folder = load(sys.argv[1]), Path(sys.argv[2])
train_and_evaluate(config, folder / "one")
devices.use_accelerator = lambda _: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
train_and_evaluate(config, folder / "two")
odd = dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=7))
train_and_evaluate(odd, folder / "odd")
"""


def rows(workdir):
    with (workdir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def loss_before_calibration(workdir, report):
    """Cross-entropy of the validation images as in training; needs a run without OOD scaling."""
    found = Predictions.load(workdir / "predictions/valid.csv")
    temperature = report["answering"]["temperature"]
    plain = apply_temperature(found.probabilities, 1 / temperature)
    return -np.log(plain[np.arange(len(plain)), found.labels]).mean()


def assert_same_rows(one, other):
    assert [(row["phase"], row["epoch"]) for row in one] == [
        (row["phase"], row["epoch"]) for row in other
    ]
    for mine, theirs in zip(one, other, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert float(mine[name]) == pytest.approx(float(theirs[name]), abs=1e-5), (name, mine)


def test_solid_colours_are_learned(trained):
    workdir, _, report = trained
    assert report["test"]["accuracy"] > 0.9 and report["valid"]["accuracy"] > 0.9
    assert [row["phase"] for row in rows(workdir)] == ["head"] * 6 + ["finetune"] * 2
    assert [int(row["epoch"]) for row in rows(workdir)] == list(range(8))


def test_the_workdir_holds_what_it_promises(trained):
    workdir, _, report = trained
    assert json.loads((workdir / "report.json").read_text()) == report
    assert sum(report[split]["examples"] for split in SPLITS) == 36
    names = {path.name for path in workdir.iterdir()}
    assert names >= {"config.json", "catalog.json", "model.keras", "report.html", "figures"}
    assert names >= {"MODEL_CARD.md", "predictions"}
    assert "backup" not in names
    assert ModelMetadata.read(workdir / "model.keras").class_names == ("blue", "green", "red")


def test_the_model_is_the_best_epoch_by_validation(trained):
    workdir, _, report = trained
    best = max(rows(workdir), key=lambda r: (float(r["val_accuracy"]), -float(r["val_loss"])))
    assert report["run"]["best_epoch"] == int(best["epoch"])
    assert report["answering"]["temperature"] == 1
    assert report["valid"]["loss"] == pytest.approx(float(best["val_loss"]), abs=1e-5)
    assert report["valid"]["accuracy"] == pytest.approx(float(best["val_accuracy"]))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_model_file_has_weights_and_no_optimizer(tmp_path, toy_backbone, policy):
    keras.config.set_dtype_policy(policy)
    try:
        _, backbone = backbones.build(str(toy_backbone), "imagenet", 16)
        model = classifier.build(backbone, 3)
        model.compile(keras.optimizers.AdamW(0.01), "categorical_crossentropy")
        model.fit(np.ones((4, 16, 16, 3)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
        save_model(model, ModelMetadata(("a", "b", "c"), 16, "pad"), tmp_path)
    finally:
        keras.config.set_dtype_policy("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert not loaded.compiled and not loaded.get_layer("classifier").compiled
    assert loaded.output_shape == (None, 3) and loaded.input_shape == (None, 16, 16, 3)
    # Neither calibration nor the state of AdamW.
    assert len(loaded.weights) == len(model.weights)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_reads_its_model_and_scores_each_split_once(
    tmp_path, data_dir, toy_backbone, configure, monkeypatch
):
    read, scored = [], []
    load_model, classification_report = (
        keras.models.load_model,
        classification.classification_report,
    )

    def loading(path, **options):
        read.append(Path(path).name)
        return load_model(path, **options)

    def scoring(labels, *arguments):
        scored.append(len(labels))
        return classification_report(labels, *arguments)

    monkeypatch.setattr(keras.models, "load_model", loading)
    monkeypatch.setattr(classification, "classification_report", scoring)
    config = configure(data_dir, toy_backbone, head_epochs=1, finetune_epochs=0, tensorboard=True)
    train_and_evaluate(config, tmp_path / "run")
    assert read.count("model.keras") == 1 and sorted(scored) == [6, 6, 24]


def test_a_complete_run_is_not_trained_again(trained, configure, toy_backbone, monkeypatch, capsys):
    workdir, data, report = trained
    monkeypatch.setattr(keras.Model, "fit", None)
    assert train_and_evaluate(configure(data, toy_backbone), workdir) == report
    assert "complete" in capsys.readouterr().out


def test_another_configuration_is_refused(trained, configure, toy_backbone):
    workdir, data, _ = trained
    with pytest.raises(ValueError, match=r"--dropout=0.5 \(was 0.2\)"):
        train_and_evaluate(configure(data, toy_backbone, dropout=0.5), workdir)


@pytest.fixture(scope="module")
def whole(trained, configure, toy_backbone, tmp_path_factory):
    """An unbroken run with averaged weights and a head of several views: (workdir, config)."""
    workdir = tmp_path_factory.mktemp("whole")
    config = configure(trained[1], toy_backbone, head_epochs=6, head_views=2, ema_momentum=0.9)
    train_and_evaluate(config, workdir)
    return workdir, config


@pytest.mark.parametrize(
    ("commits", "moment"),
    [(3, "before the state"), (7, "after the state"), (8, "after the state")],
)
def test_a_broken_run_ends_like_an_unbroken_one(whole, tmp_path, monkeypatch, commits, moment):
    unbroken, config = whole
    add, write, done = CheckpointManager.add, CheckpointManager._write_outputs, []

    def breaking_add(self, phase, model, row):
        done.append(row)
        if len(done) == commits and moment == "before the state":
            raise KeyboardInterrupt
        add(self, phase, model, row)

    def breaking_write(self, model):
        if len(done) == commits and moment == "after the state":
            raise KeyboardInterrupt
        write(self, model)

    monkeypatch.setattr(CheckpointManager, "add", breaking_add)
    monkeypatch.setattr(CheckpointManager, "_write_outputs", breaking_write)
    with pytest.raises(KeyboardInterrupt):
        train_and_evaluate(config, tmp_path / "broken")
    monkeypatch.undo()
    train_and_evaluate(config, tmp_path / "broken")
    assert_same_rows(rows(unbroken), rows(tmp_path / "broken"))
    models = [
        keras.models.load_model(run / "model.keras") for run in (unbroken, tmp_path / "broken")
    ]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_from_scratch_has_one_phase_and_moves_batch_norm(
    tmp_path, data_dir, toy_backbone, configure
):
    config = configure(data_dir, toy_backbone, weights="none", finetune_epochs=2)
    train_and_evaluate(config, tmp_path / "run")
    assert [row["phase"] for row in rows(tmp_path / "run")] == ["scratch"] * 2
    backbone = classifier.load_classifier(tmp_path / "run" / "model.keras").get_layer("backbone")
    norm = next(x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization))
    assert np.abs(np.array(norm.moving_mean)).max() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_epochs": 0, "finetune_epochs": 0}, "nothing to train"),
        ({"backbone": "ResNet5"}, "Near names"),
        ({"data_dir": "gone"}, "There is no data folder gone"),
        ({"accelerator": "gpu"}, "TensorFlow sees no GPU"),
    ],
)
def test_a_refused_configuration_leaves_nothing_behind(
    tmp_path, data_dir, toy_backbone, configure, changes, message
):
    if "accelerator" in changes and tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    values = {"data_dir": data_dir, "backbone": toy_backbone} | changes
    config = configure(values.pop("data_dir"), values.pop("backbone"), **values)
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bad_files_are_skipped_and_reported(tmp_path, data_dir, toy_backbone, configure):
    (data_dir / "red" / "broken.jpg").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"red/broken.jpg"):
        train_and_evaluate(configure(data_dir, toy_backbone), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    config = configure(data_dir, toy_backbone, bad_files="skip", head_epochs=1, finetune_epochs=0)
    report = train_and_evaluate(config, tmp_path / "run")
    assert report["bad_files"] == ["red/broken.jpg"]
    assert "red/broken.jpg" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_in_mixed_precision_ends_in_float32(tmp_path, data_dir, toy_backbone, configure):
    config = configure(
        data_dir, toy_backbone, mixed_precision="mixed_float16", head_epochs=4, finetune_epochs=1,
        ood_scaling=False,
    )  # fmt: skip
    try:
        report = train_and_evaluate(config, tmp_path / "run")
    finally:
        keras.config.set_dtype_policy("float32")
    assert report["run"]["precision"] == "mixed_float16"
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    part = model.get_layer("classifier")
    layers = [*model.layers, *part.layers, *part.get_layer("backbone").layers]
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    # Scored in float16 while training, in float32 from the file: the same model.
    best = rows(tmp_path / "run")[report["run"]["best_epoch"]]
    loss = loss_before_calibration(tmp_path / "run", report)
    assert loss == pytest.approx(float(best["val_loss"]), abs=0.01)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_errors_are_explained_and_stay_so(tmp_path, data_dir, toy_backbone, configure, precision):
    config = configure(data_dir, toy_backbone, mixed_precision=precision, head_epochs=1,
                       head_learning_rate=1e-6, finetune_epochs=0)  # fmt: skip
    run = tmp_path / "run"
    try:
        report = train_and_evaluate(config, run)
    finally:
        keras.config.set_dtype_policy("float32")
    wrong = {row["file"] for row in report["test"]["mistakes"]}
    assert wrong == set(HeatMaps.load(run / "predictions" / "heat_maps.json").maps)
    assert (run / "figures" / "top_errors.jpg").exists()
    page = (run / "report.html").read_text()
    assert page.count("The same with the evidence for") == len(wrong) > 0
    rerender(run, functools.partial(read_images, FolderReader(data_dir)))
    errors = [text[text.index('id="errors"') : text.index('id="data"')]
              for text in (page, (run / "report.html").read_text())]  # fmt: skip
    assert errors[0] == errors[1]


def test_a_run_without_a_map_of_places_has_no_heat_maps(tmp_path, data_dir, configure):
    inputs = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, pooled).save(tmp_path / "flat.keras")
    config = configure(data_dir, tmp_path / "flat.keras", head_epochs=1, head_learning_rate=1e-6,
                       finetune_epochs=0)  # fmt: skip
    report = train_and_evaluate(config, tmp_path / "run")
    assert report["test"]["mistakes"]
    assert not (tmp_path / "run" / "predictions" / "heat_maps.json").exists()


@pytest.mark.weekly
@pytest.mark.slow
def test_two_devices_learn_what_one_does(tmp_path, data_dir, toy_backbone, configure):
    for path in data_dir.rglob("*[89].png"):
        path.unlink()  # leaves 18, 6 and 6 images, whose last batches have odd shares
    config = configure(
        data_dir, toy_backbone, dropout=0.0, head_epochs=3, finetune_epochs=1, batch_size=6,
        ood_scaling=False,
    )  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(tmp_path / "config.json"), str(tmp_path)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert "2 device(s), float32" in done.stdout, done.stderr
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert [row["phase"] for row in two] == ["head"] * 3 + ["finetune"]
    assert_same_rows(one[:3], two[:3])  # the backbone's own Dropout draws for each device
    report = json.loads((tmp_path / "two" / "report.json").read_text())
    best = two[report["run"]["best_epoch"]]
    loss = loss_before_calibration(tmp_path / "two", report)
    assert loss == pytest.approx(float(best["val_loss"]), abs=1e-5)
    assert "--batch_size must be a multiple of the number of devices, here 2" in done.stderr
    assert not (tmp_path / "odd").exists()


@pytest.mark.parametrize("data_format", ["tfrecord", "array_record"])
def test_shards_train_like_the_folder(
    trained, configure, toy_backbone, tmp_path, monkeypatch, data_format
):
    workdir, data, _ = trained
    shards, run = tmp_path / "shards", tmp_path / "run"
    write_shards(prepare.Request(str(data)), shards, Layout(data_format, 3, 100))
    open_data = run_data.open_data

    def drawing(*arguments):
        random.random()  # as tensorflow-datasets does; initial weights must not depend on it
        return open_data(*arguments)

    monkeypatch.setattr(run_data, "open_data", drawing)
    train_and_evaluate(configure(shards, toy_backbone, data_format=data_format), run)
    for name in ("catalog.json", "metrics.csv", "predictions/test.csv"):
        assert (run / name).read_text() == (workdir / name).read_text(), name


def test_what_does_not_fit_in_memory_is_streamed_with_the_same_result(
    trained, configure, toy_backbone, tmp_path, capsys
):
    workdir, data, _ = trained
    train_and_evaluate(configure(data, toy_backbone, cache_megabytes=0), tmp_path)
    assert "0 MB are over --cache_megabytes=0" in capsys.readouterr().out
    assert (tmp_path / "metrics.csv").read_text() == (workdir / "metrics.csv").read_text()


def test_unordered_shards_train_too(trained, configure, toy_backbone, tmp_path):
    _, data, report = trained
    shards = tmp_path / "shards"
    write_shards(prepare.Request(str(data)), shards, Layout("tfrecord", 3, 100))
    settings = {"data_format": "tfrecord", "cache_megabytes": 0, "deterministic_reads": False}
    found = train_and_evaluate(configure(shards, toy_backbone, **settings), tmp_path / "run")
    assert found["test"]["examples"] == report["test"]["examples"]
    assert found["test"]["accuracy"] > 0.9
