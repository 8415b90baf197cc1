import pytest

from trash_keras import config
from trash_keras.cli import hints

TRAIN = [field.name for _, field in config.fields()] + ["workdir", "preset"]
PREDICT = ["model", "threshold", "format", "top_k", "batch_size", "output"]
EXPORT = ["workdir", "formats", "calibration_images", "data_dir"]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("epochs", "--finetune_epochs or --head_epochs"),
        ("lr", "--finetune_learning_rate or --head_learning_rate"),
        ("learning-rate", "--finetune_learning_rate or --head_learning_rate"),
        ("batch", "--batch_size"),
        ("imgsz", "--image_size"),
        ("img-size", "--image_size"),
        ("source", "--data_dir"),
        ("data", "--data_dir"),
        ("model", "--backbone"),
        ("device", "--accelerator"),
        ("name", "--workdir or --wandb_name"),
        ("project", "--workdir or --wandb_project"),
        ("config", "--preset or --flagfile"),
        ("finetune_epoch", "--finetune_epochs"),
        ("dropot", "--dropout"),
    ],
)
def test_training_says_what_its_flags_are_called(name, ours):
    said = hints.unknown_flag(name, TRAIN, "trash-keras train")
    assert said == f"Unknown flag --{name}. Did you mean {ours}?"


@pytest.mark.parametrize(
    ("name", "known", "program", "hint"),
    [
        ("data-dir", TRAIN, "trash-keras train", "with underscores: --data_dir."),
        ("batch-size", TRAIN, "trash-keras train", "with underscores: --batch_size."),
        ("resume", TRAIN, "trash-keras train", "goes on where a killed one stopped"),
        ("nc", TRAIN, "trash-keras train", "the sub-folders of --data_dir"),
        ("weights", PREDICT, "trash-keras predict", "Did you mean --model?"),
        ("weights", EXPORT, "trash-keras export", "--workdir=RUN: the folder of its"),
        ("format", EXPORT, "trash-keras export", "Did you mean --formats?"),
        ("onnx", EXPORT, "trash-keras export", "Did you mean --formats=onnx?"),
        ("conf", PREDICT, "trash-keras predict", "Did you mean --threshold?"),
        ("imgsz", PREDICT, "trash-keras predict", "says which size it takes"),
        ("source", PREDICT, "trash-keras predict", "without a flag: trash-keras predict PATH..."),
        ("models", ["threads"], "trash-keras benchmark", "trash-keras benchmark MODEL MODEL..."),
        ("zzz", PREDICT, "trash-keras predict", "All flags: trash-keras predict --help_all"),
    ],
)
def test_other_names_lead_to_what_there_is(name, known, program, hint):
    said = hints.unknown_flag(name, known, program)
    assert said.startswith(f"Unknown flag --{name}. ") and hint in said


def test_every_hint_leads_to_a_flag_that_some_verb_has():
    known = {*TRAIN, *PREDICT, *EXPORT, "output_format", "max_batch", "flagfile", "teacher"}
    led_to = {ours for names in hints.OTHER_NAMES.values() for ours in names}
    assert led_to <= known
