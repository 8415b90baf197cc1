import json

import pytest

from tools import pretrained_card
from trash_keras.metadata import ModelMetadata
from trash_keras.storage import local

SCORES = {
    "examples": 40, "accuracy": 0.925, "accuracy_interval": [0.801, 0.974], "macro_f1": 0.91,
    "ece": 0.021, "brier": 0.1, "coverage_at_2_percent_error": 0.9,
    "abstention": {"threshold": 0.7, "coverage": 0.9, "error": 0.028, "error_interval": [0, 0.1]},
    "per_class": {name: {"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 20}
                  for name in ("glass", "trash")},
    "confusion_matrix": [[19, 1], [2, 18]],
}  # fmt: skip


@pytest.fixture
def folders(tmp_path):
    """A run with its export, and reports on its int8 file: test split and other sources."""
    run, home, external = (tmp_path / name for name in ("run", "home", "external"))
    model = run / "export" / "model_int8.tflite"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"a model")
    ModelMetadata(("glass", "trash"), 224, "stretch", temperature=0.6, threshold=0.7).embed(model)
    teacher = {"config": {"data": {"image_size": 288}}, "answering": {"tta": 4},
               "test": {"accuracy": 0.95}, "run": {"training_minutes": 30}}  # fmt: skip
    local.write_json(tmp_path / "teacher" / "report.json", teacher)
    report = {
        "class_names": ["glass", "trash"],
        "config": {
            "model": {"backbone": "here/efficientnet_lite0.keras"},
            "data": {"split_method": "official"},
            "runtime": {"seed": 0},
            "distillation": {"teacher": str(tmp_path / "teacher" / "model.keras")},
        },
        "run": {"training_minutes": 12, "machine": "2 cores", "git_revision": "abc"},
        "valid": {"accuracy": 0.95, "examples": 30},
    }
    local.write_json(run / "report.json", report)
    row = {
        "accuracy": 0.93,
        "bytes": 14_000_000,
        "agreement": 0.99,
        "ece": 0.02,
        "tool": {"made": "converter 1", "answered": "runtime 2"},
    }
    local.write_json(run / "export" / "export.json", {"kinds": {"float32": row, "int8": row}})
    command = {"command": f"trash-keras evaluate --model={model}"}
    ood = {"pictures": 9, "unsure": 0.8, "scores": {"confidence": {"auroc": 0.97}}}
    local.write_json(home / "report.json", {"run": command, "test": SCORES, "out_of_scope": ood})
    local.write_json(external / "report.json", {"run": command, "all": SCORES})
    return run, model, home, external


def test_the_card_says_what_the_reports_say(folders):
    found = pretrained_card.figures(*folders)
    card = pretrained_card.render(json.loads(json.dumps(found)))
    assert card == pretrained_card.render(found)
    for part in ("**92.5% of TrashNet's 40 official", "value: 0.9250", "224 x 224", "42 minutes",
                 "of both runs", "95.0% on the test split", "99.0% of the images", "14.00 MB",
                 "trash with glass (2), glass with trash (1)", "80.0% are unsure", "0.970",
                 "| trash | 90.0% | 20 |", found["sha256"]):  # fmt: skip
        assert part in card, part


def test_several_teachers_are_refused(folders):
    report = json.loads((folders[0] / "report.json").read_text())
    report["config"]["distillation"]["teacher"] += ",other/model.keras"
    local.write_json(folders[0] / "report.json", report)
    with pytest.raises(ValueError, match=r"one teacher.* has several: .*other/model.keras"):
        pretrained_card.figures(*folders)


def test_a_run_without_a_teacher_has_none(folders):
    report = json.loads((folders[0] / "report.json").read_text())
    del report["config"]["distillation"]
    local.write_json(folders[0] / "report.json", report)
    card = pretrained_card.render(pretrained_card.figures(*folders))
    assert "larger run" not in card and "12 minutes" in card


def test_reports_on_another_file_are_refused(folders):
    run, model, home, external = folders
    with pytest.raises(ValueError, match="must be of the test split, and with --ood_dir"):
        pretrained_card.figures(run, model, external, external)
    with pytest.raises(ValueError, match=r"There is no .*report\.json"):
        pretrained_card.figures(run, model, home, home / "gone")
    report = json.loads((home / "report.json").read_text())
    local.write_json(home / "report.json", report | {"run": {"command": "--model=other.keras"}})
    with pytest.raises(ValueError, match=r"home is of another file than model_int8\.tflite"):
        pretrained_card.figures(*folders)
