"""What a run logs offline, read back from the client's files."""

import csv
import json
import shutil

import numpy as np
import PIL.Image
import pytest

from tests.support import wandb_logs
from trash_keras.config import Config, TrackingConfig
from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import FolderReader
from trash_keras.metrics.predictions import Predictions
from trash_keras.storage import local
from trash_keras.tracking import wandb_tracker
from trash_keras.tracking.exports import log_exports
from trash_keras.tracking.fingerprint import dataset_fingerprint
from trash_keras.tracking.trackers import open_trackers
from trash_keras.training.trainer import train_and_evaluate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
]  # the client's process starts and ends with each test
KEY = "5ec4e7" * 7
PATIENT = {"wandb_mode": "offline", "head_epochs": 3, "finetune_epochs": 2}


def rows_of(workdir):
    with (workdir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_epochs(steps, rows):
    """Checks that each row of metrics.csv is a step of its own, with all of its figures."""
    assert len(rows) == PATIENT["head_epochs"] + PATIENT["finetune_epochs"]
    for row in rows:
        step = steps[int(row["epoch"])]
        assert step["epoch/phase"] == row.pop("phase")
        for name, value in row.items():
            assert step[f"epoch/{name}"] == pytest.approx(float(value)), name


def test_a_run_is_logged_from_its_configuration_to_its_model(
    client, monkeypatch, tmp_path, data_dir, toy_backbone, configure, capfd
):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    (data_dir / "red" / "broken.png").write_bytes(b"text")
    config = configure(data_dir, toy_backbone, bad_files="skip", wandb_tags="toy, solid", **PATIENT)
    report = train_and_evaluate(config, tmp_path / "run")
    (log,) = wandb_logs.logs_of(tmp_path / "run")
    assert f"wandb sync {log.parent}" in capfd.readouterr().out

    opened, settings = wandb_logs.run(log), wandb_logs.config(log)
    assert opened.run_id == (tmp_path / "run/wandb_run_id.txt").read_text()
    assert (opened.project, list(opened.tags)) == ("trash-keras", ["toy", "solid"])
    flags = {k: v for part in config.to_dict().values() for k, v in part.items()}
    assert {name: settings[name] for name in flags} == flags
    catalog = Catalog.load(tmp_path / "run/catalog.json")
    data = dataset_fingerprint(catalog, FolderReader(data_dir))
    assert settings["data"] == data
    summary = wandb_logs.summary(log)
    assert summary["data/catalog_sha256"] == data["catalog_sha256"]
    assert summary["data/files_sha256"] == data["files_sha256"]
    assert summary["test/accuracy"] == pytest.approx(report["test"]["accuracy"])

    steps = wandb_logs.history(log)
    assert sorted(steps) == [0, 1, 2, 3, 4, 5]
    assert_epochs(steps, rows_of(tmp_path / "run"))
    kinds = [record.WhichOneof("record_type") for record in wandb_logs.records(log)]
    assert "stats" in kinds  # system metrics
    axes = {
        record.metric.glob_name: record.metric.step_metric
        for record in wandb_logs.records(log)
        if record.WhichOneof("record_type") == "metric"
    }
    assert axes["epoch/*"] == "epoch/epoch"

    for split in ("valid", "test"):
        assert_evaluation(log, steps[5], split, tmp_path / "run", report[split])
    artifacts = wandb_logs.artifacts(log)
    model = artifacts["model", f"run_{opened.run_id}_model"]
    assert set(model.aliases) == {"latest", "best", f"epoch_{report['run']['best_epoch']}"}
    (entry,) = model.manifest.contents
    assert (entry.path, entry.local_path) == ("model.keras", str(tmp_path / "run/model.keras"))
    assert json.loads(model.metadata)["val_accuracy"] == report["valid"]["accuracy"]
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def assert_evaluation(log, step, split, workdir, scores):
    """Checks tables and charts of a split against its predictions and its report."""
    predictions = Predictions.load(workdir / "predictions" / f"{split}.csv")
    columns, rows, files = wandb_logs.table(log, f"{split}/images")
    assert step[f"{split}/images"]["nrows"] == len(rows) == scores["examples"]
    names = list(predictions.class_names)
    assert columns == [
        "file", "image", "truth", "prediction", "right", *(f"p({name})" for name in names)
    ]  # fmt: skip
    order = {path: index for index, path in enumerate(predictions.paths)}
    assert sorted(row[0] for row in rows) == sorted(predictions.paths)
    for file, image, truth, guess, right, *shares in rows:
        index = order[file]
        assert (workdir / "wandb") in files[image["path"]].parents
        assert PIL.Image.open(files[image["path"]]).format == "JPEG"
        assert (image["width"], image["height"]) == (24, 20)
        assert truth == names[predictions.labels[index]] and right == (truth == guess)
        assert guess == names[int(np.argmax(shares))]
        assert shares == pytest.approx(predictions.probabilities[index], abs=1e-6)

    _, rows, _ = wandb_logs.table(log, f"{split}/confusion_matrix_table")
    cells = {(truth, guess): count for truth, guess, count in rows}
    expected = {
        (truth, guess): count
        for truth, row in zip(names, scores["confusion_matrix"], strict=True)
        for guess, count in zip(names, row, strict=True)
    }
    assert cells == expected
    columns, rows, _ = wandb_logs.table(log, f"{split}/per_class")
    for row in rows:
        facts = dict(zip(columns, row, strict=True))
        assert facts == pytest.approx({"class": row[0], **scores["per_class"][row[0]]})
    assert len(rows) == len(names)
    _, bins, _ = wandb_logs.table(log, f"{split}/reliability")
    assert sum(images for _, _, images in bins) == scores["examples"]
    _, curve, _ = wandb_logs.table(log, f"{split}/reliability_diagram_table")
    assert {row[1] for row in curve} == {"accuracy", "perfect"}
    charts = wandb_logs.charts(log)
    for name in ("confusion_matrix", "precision", "recall", "f1", "reliability_diagram"):
        assert f"{split}/{name}" in charts


@pytest.mark.parametrize("moment", ["before it is logged", "after it is logged"])
def test_a_resumed_run_keeps_its_id_and_logs_each_epoch_once(
    client, tmp_path, data_dir, toy_backbone, configure, monkeypatch, moment
):
    config = configure(data_dir, toy_backbone, **PATIENT)
    catch_up, done = wandb_tracker.EpochLogger.on_epoch_end, []

    def breaking(self, epoch, logs=None):
        done.append(epoch)
        if moment == "after it is logged" or len(done) < 2:
            catch_up(self, epoch, logs)
        if len(done) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(wandb_tracker.EpochLogger, "on_epoch_end", breaking)
    with pytest.raises(KeyboardInterrupt):
        train_and_evaluate(config, tmp_path / "run")
    monkeypatch.undo()
    (first,) = wandb_logs.logs_of(tmp_path / "run")
    before = wandb_logs.history(first)
    assert sorted(before) == ([0] if moment == "before it is logged" else [0, 1])
    train_and_evaluate(config, tmp_path / "run")
    _, second = wandb_logs.logs_of(tmp_path / "run")
    after = wandb_logs.history(second)
    assert not set(before) & set(after)
    assert_epochs(before | after, rows_of(tmp_path / "run"))
    assert wandb_logs.run(first).run_id == wandb_logs.run(second).run_id
    exits = [[r.exit.exit_code for r in wandb_logs.records(log) if r.HasField("exit")]
             for log in (first, second)]  # fmt: skip
    assert exits == [[1], [0]]


def test_exports_join_the_run_that_trained_the_model(client, trained, tmp_path, monkeypatch, capfd):
    workdir = shutil.copytree(trained[0], tmp_path / "run")
    facts = {
        "input": {"shape": [None, 16, 16, 3]}, "output": {"name": "probabilities"},
        "kinds": {
            "float32": {"path": "model_float32.tflite", "bytes": 5, "max_difference": 1e-6,
                        "latency": {"threads_2": {"p50_ms": 3.5}}},
            "saved_model": {"path": "saved_model", "bytes": 7, "max_difference": 0.0},
        },
    }  # fmt: skip
    for name in ("model_float32.tflite", "saved_model/saved_model.pb", "labels.txt"):
        (workdir / "export" / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / "export" / name).write_bytes(b"bytes")
    local.write_text(workdir / "export/export.json", json.dumps(facts))

    log_exports(workdir, facts)  # a run that nobody tracked
    assert not (workdir / "wandb").exists()
    (workdir / "wandb_run_id.txt").write_text("abc12345")
    config = json.loads((workdir / "config.json").read_text())
    config["tracking"]["wandb_mode"] = "offline"
    local.write_text(workdir / "config.json", json.dumps(config))
    log_exports(workdir, facts)
    (log,) = wandb_logs.logs_of(workdir)
    assert log.parent.name.startswith("offline-run-") and "wandb sync" in capfd.readouterr().out
    assert wandb_logs.run(log).run_id == "abc12345"
    found = wandb_logs.artifacts(log)
    assert set(found) == {("export", f"run_abc12345_{kind}") for kind in facts["kinds"]}
    tflite = found["export", "run_abc12345_float32"]
    assert json.loads(tflite.metadata)["max_difference"] == 1e-6
    assert {entry.path for entry in tflite.manifest.contents} == {
        "model_float32.tflite", "labels.txt", "export.json"
    }  # fmt: skip
    saved = found["export", "run_abc12345_saved_model"].manifest.contents
    assert "saved_model/saved_model.pb" in {entry.path for entry in saved}
    summary = wandb_logs.summary(log)
    assert (summary["export/float32/bytes"], summary["export/saved_model/bytes"]) == (5, 7)
    assert summary["export/float32/threads_2_p50_ms"] == 3.5
    monkeypatch.setenv("WANDB_MODE", "disabled")
    log_exports(workdir, facts)
    assert wandb_logs.logs_of(workdir) == [log]


def test_variables_decide_what_no_flag_decides(
    client, tmp_path, data_dir, toy_backbone, configure, monkeypatch
):
    for name, value in {
        "PROJECT": "theirs", "ENTITY": "team", "NAME": "spring", "TAGS": "a,b",
        "RUN_ID": "chosen01", "NOTES": "why", "DIR": str(tmp_path / "logs"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"WANDB_{name}", value)
    (tmp_path / "logs").mkdir()
    config = configure(
        data_dir,
        toy_backbone,
        wandb_mode="offline",
        wandb_project="flag",
        head_epochs=1,
        finetune_epochs=0,
    )
    train_and_evaluate(config, tmp_path / "run")
    assert not list((tmp_path / "run").glob("wandb/*run-*"))
    (log,) = wandb_logs.logs_of(tmp_path / "logs")
    run = wandb_logs.run(log)
    assert (run.project, run.entity, run.display_name) == ("flag", "team", "spring")
    assert (run.run_id, run.notes, list(run.tags)) == ("chosen01", "why", ["a", "b"])
    assert (tmp_path / "run/wandb_run_id.txt").read_text() == "chosen01"


def test_a_setting_that_wandb_refuses_is_one_clear_sentence(
    client, tmp_path, data_dir, toy_backbone, configure
):
    config = configure(data_dir, toy_backbone, wandb_mode="offline", wandb_project="a/b")
    with pytest.raises(ValueError, match=r"W&B does not accept a setting: .*[Pp]roject"):
        train_and_evaluate(config, tmp_path / "run")


def test_a_client_that_breaks_in_mid_training_does_not_stop_it(
    client, tmp_path, data_dir, toy_backbone, configure, monkeypatch, capfd
):
    def broken(*arguments, **options):
        raise BrokenPipeError("the service is gone")

    monkeypatch.setattr(client.sdk.wandb_run.Run, "log", broken)
    config = configure(data_dir, toy_backbone, **PATIENT)
    report = train_and_evaluate(config, tmp_path / "run")
    assert report["test"]["examples"] == 6
    assert "an epoch could not be logged. Reason: the service is gone" in capfd.readouterr().out


def test_a_client_that_does_not_start_leaves_the_run_untracked(
    client, tmp_path, monkeypatch, capfd
):
    def broken(**options):
        raise OSError("no service")

    monkeypatch.setattr(client, "init", broken)
    config = Config(tracking=TrackingConfig(wandb_mode="offline"))
    with open_trackers(config, tmp_path, dict) as trackers:
        assert trackers == []
    assert "W&B: nothing is logged. Reason: no service" in capfd.readouterr().out


def test_in_a_sweep_the_agent_decides_on_the_run(client, tmp_path, monkeypatch):
    for name, value in {"SWEEP_ID": "sweep001", "RUN_ID": "trial001", "PROJECT": "swept"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    config = Config(tracking=TrackingConfig(wandb_mode="offline", wandb_project="mine"))
    with open_trackers(config, tmp_path, dict):
        pass
    (log,) = wandb_logs.logs_of(tmp_path)
    run = wandb_logs.run(log)
    assert (run.run_id, run.sweep_id, run.project) == ("trial001", "sweep001", "swept")
    assert (tmp_path / "wandb_run_id.txt").read_text() == "trial001"
