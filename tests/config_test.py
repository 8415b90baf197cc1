import dataclasses
import json

import pytest

from trash_keras import config
from trash_keras.config import Config, DataConfig, TrainingConfig
from trash_keras.presets import reader


def test_json_and_back_gives_the_same_configuration(tmp_path):
    before = Config(data=DataConfig(image_size=96), training=TrainingConfig(finetune_epochs=3))
    (tmp_path / "config.json").write_text(json.dumps(before.to_dict()))
    assert config.load(tmp_path / "config.json") == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resize": "squash"}, "--resize must be one of stretch, crop, pad. Received: 'squash'"),
        ({"image_size": 3}, "--image_size must be between 16 and 2048"),
        ({"image_size": 3.5}, "--image_size must be a int"),
        ({"max_megapixels": 0}, "--max_megapixels must be between 0.01 and 10000. Received: 0"),
        ({"batch_size": True}, "--batch_size must be a int"),
    ],
)
def test_a_wrong_value_is_refused_with_the_rule(values, message):
    with pytest.raises(ValueError, match=message):
        DataConfig(**values)


def test_a_choice_of_numbers_is_checked():
    assert config.CalibrationConfig(tta=4).tta == 4
    with pytest.raises(ValueError, match=r"--tta must be one of 1, 2, 4, 8\. Received: 3"):
        config.CalibrationConfig(tta=3)


def test_settings_are_made_by_the_names_of_their_flags(tmp_path):
    made = Config.make(data_dir=tmp_path, head_epochs=3, dropout=0, deterministic=True)
    assert made.data == DataConfig(data_dir=str(tmp_path))
    assert made.training == TrainingConfig(head_epochs=3)
    assert made.model.dropout == 0 and made.runtime.deterministic
    assert Config.make() == Config()
    folds = config.CrossValidationConfig.make(folds=3, seed=1)
    assert folds.cross_validation.folds == 3 and folds.runtime.seed == 1


def test_a_preset_is_where_settings_start_from():
    best = Config.make(preset="best")
    assert (
        best.data.image_size == 256
        and best.training.ema_momentum == 0.99
        and best.answering.tta == 2
    )
    more = Config.make(preset="best", image_size=96, batch_size=8)
    assert more.data == DataConfig(image_size=96, resize="crop", batch_size=8)
    assert more.training == best.training
    for name in reader.names():
        assert Config.make(preset=name) != Config()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"imagesize": 3}, "no setting 'imagesize'. Did you mean 'image_size'"),
        ({"epochs": 3}, "Did you mean 'head_epochs'"),
        ({"image_size": 3}, "--image_size must be between 16 and 2048"),
        ({"head_epochs": "3"}, "--head_epochs must be a int. Received: '3'"),
        ({"preset": "bst"}, "--preset must be one of .*best.* Received: 'bst'"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        Config.make(**settings)


def test_a_wrong_line_of_a_preset_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "FOLDER", tmp_path)
    for line, message in (
        ("--head_epochs=many", "--head_epochs must be a int. Received: 'many'"),
        ("--deterministic=perhaps", "--deterministic must be a bool"),
        ("--headepochs=3", "Did you mean 'head_epochs'"),
    ):
        (tmp_path / "mine.flags").write_text(line)
        with pytest.raises(ValueError, match=message):
            Config.make(preset="mine")


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="imagesize"):
        Config.from_dict({"data": {"imagesize": 3}})
    with pytest.raises(ValueError, match="dta"):
        Config.from_dict({"dta": {}})


def test_names_of_flags_are_unique():
    names = [field.name for _, field in config.fields()]
    assert len(names) == len(set(names)) > 25


def test_a_workdir_of_another_run_is_refused_but_free_settings_may_change(tmp_path):
    first = Config()
    (tmp_path / "config.json").write_text(json.dumps(first.to_dict()))
    config.check_workdir(first, tmp_path)
    free = dataclasses.replace(first, tracking=config.TrackingConfig(wandb_mode="offline"))
    config.check_workdir(free, tmp_path)
    other = dataclasses.replace(first, data=DataConfig(image_size=64))
    with pytest.raises(ValueError, match=r"--image_size=64 \(was 224\)"):
        config.check_workdir(other, tmp_path)
