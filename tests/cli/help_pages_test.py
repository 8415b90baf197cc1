"""The pages of help, as a user sees them."""

import os
import re

import pytest

from trash_keras import config
from trash_keras.cli import flags

# What somebody may look for who knows the field and not this project.
WORDS = {
    "train": ("transfer learning", "fine-tuning", "distillation", "test-time augmentation", "EMA",
              "out-of-distribution", "selective classification", "calibration", "conformal",
              "data augmentation", "crop_to_aspect_ratio", "squash"),
    "predict": ("inference", "selective classification", "Grad-CAM"),
    "evaluate": ("out-of-distribution", "robustness", "test-time augmentation", "saliency"),
    "export": ("quantization", "SavedModel", "TFLite", "ONNX", "int8"),
    "audit": ("near-duplicates", "outliers", "label errors"),
}  # fmt: skip


@pytest.fixture(scope="module")
def page(script):
    """Runs a verb with --help or --help_all and returns what it prints."""

    def read(verb, asked="--help", **options):
        done = script(verb, asked, **options)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout

    return read


def listed(text):
    return re.findall(r"^  --(?:\[no\])?(\w+)", text, re.MULTILINE)


def test_training_shows_the_dozen_flags_that_matter_in_groups(page):
    text = page("train")
    assert 10 <= len(listed(text)) <= 15
    assert {"preset", "data_dir", "backbone", "finetune_epochs", "workdir"} <= set(listed(text))
    titles = re.findall(r"^([A-Z]\w+)(?: \(.*\))?:$", text, re.MULTILINE)
    assert titles[:4] == ["Recipe", "Data", "Model", "Training"] and titles[-1] == "Output"
    assert "trash-keras train --help_all" in text


@pytest.mark.parametrize(
    ("verb", "config_class"),
    [("train", config.Config), ("cross_validate", config.CrossValidationConfig)],
)
def test_all_settings_are_there_when_asked_for(page, verb, config_class):
    text = page(verb, "--help_all")
    settings = [field.name for _, field in config.fields(config_class)]
    assert set(settings) <= set(listed(text)) and len(listed(text)) == len(set(listed(text)))
    assert set(listed(page(verb))) <= set(listed(text))


def test_the_everyday_settings_exist():
    settings = {field.name for _, field in config.fields(config.CrossValidationConfig)}
    assert set(flags.EVERYDAY) - settings == {"preset"}


def test_a_flag_is_shown_with_its_values_its_unit_and_its_default(page):
    text = " ".join(page("train", "--help_all").split())
    assert "--image_size=N Height and width fed to the model, pixels. Default: 224." in text
    assert "--resize=stretch|crop|pad How an image" in text and "Default: stretch." in text
    assert "--[no]deterministic Bit-for-bit" in text and "slower. Default: false." in text
    required = " ".join(page("evaluate").split())
    assert "SavedModel folder. Required." in required and "Default: None" not in required


@pytest.mark.parametrize("verb", WORDS)
def test_the_words_of_the_field_are_found(page, verb):
    text = " ".join(page(verb, "--help_all").split())
    assert [word for word in WORDS[verb] if word not in text] == []


def test_a_page_fits_the_terminal(page):
    narrow = page("train", "--help_all", env=os.environ | {"COLUMNS": "60"})
    _, _, entries = narrow.partition("\nRecipe:\n")
    texts = [line for line in entries.splitlines() if line.startswith(" " * 30)]
    assert max(map(len, texts)) <= 60 < max(map(len, page("train", "--help_all").splitlines()))


def test_a_required_flag_that_is_missing_is_named(script):
    done = script("evaluate", "--model=x")
    assert done.returncode == 2
    assert done.stderr == "error: trash-keras evaluate needs --data_dir, --output.\n"
