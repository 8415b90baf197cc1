"""The training workflow, its steps in order, as Actions runs them."""

import json
import re

import pytest

pytestmark = pytest.mark.long

INPUTS = {"source": "synthetic", "preset": "demo", "image_size": "16", "epochs": "1"}
SECRETS = {"WANDB_API_KEY": "k" * 40, "HF_TOKEN": "hf_x", "AWS_ACCESS_KEY_ID": "AKIA",
           "GOOGLE_CREDENTIALS": '{"type": "service_account"}'}  # fmt: skip


@pytest.fixture(scope="module")
def below_the_bar(runner, workflow, toy_backbone):
    """The whole job with a bar that nothing reaches: (what became of the steps, the summary)."""
    job = workflow("train")["jobs"]["train"]
    inputs = INPUTS | {"backbone": str(toy_backbone), "bar": "1.01"}
    done = runner.run(job, inputs=inputs)
    return done, runner.summary.read_text()


@pytest.mark.slow
def test_only_the_bar_fails_and_all_is_kept_before(runner, below_the_bar):
    done, _ = below_the_bar
    failed = [name for name, status in done.statuses.items() if status]
    assert failed == ["Hold the accuracy against the bar"], done.output
    assert list(done.statuses)[-1] == failed[0] and len(done.statuses) == 6
    assert "is below the bar of 1.0100." in done.output
    assert set(done.uploads) == {"report", "exports", "model"}
    missing = [path for paths in done.uploads.values() for path in paths if not paths[path]]
    assert {path.rpartition("/")[2] for path in missing} == set()
    exports = runner.checkout / next(iter(done.uploads["exports"]))
    assert {"export.json", "labels.txt", "model_float32.tflite", "saved_model"} <= {
        path.name for path in exports.iterdir()
    }


@pytest.mark.slow
def test_the_summary_shows_the_figures_of_the_report(runner, below_the_bar, toy_backbone):
    _, summary = below_the_bar
    run = runner.checkout / "runs/actions/run"
    report = json.loads((run / "report.json").read_text())
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["image_size"] == 16 and config["training"]["finetune_epochs"] == 1
    assert config["model"]["backbone"] == str(toy_backbone)
    assert config["tracking"]["wandb_mode"] == "disabled"
    assert f"## {report['test']['accuracy']:.1%} of {report['test']['examples']} test" in summary
    assert "❌ The accuracy of" in summary
    rows = re.findall(r"^\| \*\*(\w+)\*\* \|(.*)\|$", summary, re.MULTILINE)
    assert [name for name, _ in rows] == report["class_names"]
    assert [
        [int(cell.strip(" *")) for cell in cells.split("|")] for _, cells in rows
    ] == report["test"]["confusion_matrix"]  # fmt: skip
    for kind in json.loads((run / "export/export.json").read_text())["kinds"]:
        assert f"| {kind} |" in summary


@pytest.mark.slow
def test_a_bar_that_is_reached_ends_well(runner, workflow, below_the_bar):
    runner.summary.unlink()
    job = workflow("train")["jobs"]["train"]
    done = runner.run(job, first="Write the job summary", inputs={"bar": "0.0"})
    assert list(done.statuses.values()) == [0, 0]
    assert "✅ The accuracy of" in runner.summary.read_text()


def test_a_push_to_a_fork_trains_on_trashnet_without_any_secret(dry_runner, workflow):
    done = dry_runner.run(workflow("train")["jobs"]["train"])
    assert set(done.statuses.values()) == {0}, done.output
    said = done.output.splitlines()
    for argument in ("--source=trashnet", "--preset=actions",
                     "--enforce", "FSSPEC_S3_ANON=true", "FSSPEC_GCS_TOKEN=anon"):  # fmt: skip
        assert argument in said
    assert not [line for line in said if re.match("--(backbone|image_size|finetune|wandb)", line)]
    assert said.count("--minimum_accuracy=0.8") == 1
    assert "--minimum_accuracy=0.8" in dry_runner.summary.read_text().splitlines()


def test_secrets_reach_the_step_that_needs_them_and_no_command_line(dry_runner, workflow):
    job = workflow("train")["jobs"]["train"]
    done = dry_runner.run(job, secrets=SECRETS, vars={"TRAIN_SOURCE": "s3://bucket/a.zip"})
    said = done.output.splitlines()
    assert "--source=s3://bucket/a.zip" in said and "--wandb_mode=online" in said
    for name, count in {"WANDB_API_KEY": 1, "HF_TOKEN": 1, "AWS_ACCESS_KEY_ID": 1}.items():
        assert said.count(f"{name}={SECRETS[name]}") == count
    assert "FSSPEC_S3_ANON=false" in said
    assert f"FSSPEC_GCS_TOKEN={SECRETS['GOOGLE_CREDENTIALS']}" in said
    for line in said:
        assert not (line.startswith("-") and any(secret in line for secret in SECRETS.values()))


@pytest.mark.parametrize(
    ("variable", "flag"),
    [("source", "source"), ("preset", ""), ("backbone", "backbone"), ("image_size", "image_size"),
     ("epochs", "finetune_epochs"), ("bar", "minimum_accuracy")],
)  # fmt: skip
def test_what_is_typed_into_the_form_stays_one_word(dry_runner, workflow, variable, flag):
    typed = "a b'\"; touch $(echo done) `id` $HOME"
    done = dry_runner.run(workflow("train")["jobs"]["train"], inputs={variable: typed})
    assert set(done.statuses.values()) == {0}, done.output
    wanted = f"--{flag}={typed}" if flag else f"--preset={typed}"
    assert wanted in done.output.splitlines()
    assert not (dry_runner.checkout / "done").exists()


def test_after_a_failure_the_uploads_are_tried_and_the_bar_is_not(dry_runner, workflow):
    python = dry_runner.checkout / ".venv/bin/python"
    python.write_text('#!/bin/sh\ncase "$3" in export) exit 3;; esac\n')
    done = dry_runner.run(workflow("train")["jobs"]["train"])
    assert list(done.statuses) == ["Set up", "Get the images", "Train", "Export"]
    assert done.statuses["Export"] and len(done.uploads) == 3
