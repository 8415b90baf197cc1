import pytest

from trash_keras import config
from trash_keras.presets import reader


@pytest.mark.parametrize("name", reader.names())
def test_a_preset_holds_settings_of_a_run_that_differ_from_the_defaults(name):
    types = {field.name: type(field.default) for _, field in config.fields()}
    found = reader.settings(name)
    assert found and set(found) <= set(types)
    sections: dict = {}
    for section, field in config.fields():
        if field.name in found:
            sections.setdefault(section, {})[field.name] = types[field.name](found[field.name])
    assert config.Config.from_dict(sections) != config.Config()


@pytest.mark.parametrize("backbone", ["ResNet50", "EfficientNetV2S", "ConvNeXtTiny"])
def test_a_preset_may_build_on_another(backbone):
    best, larger = reader.settings("best"), reader.settings(backbone.lower())
    assert larger.pop("backbone") == backbone and larger.pop("weights") == "imagenet"
    assert larger.pop("finetune_learning_rate") == "1e-4"
    assert larger == best


def test_an_unknown_preset_gets_the_list():
    with pytest.raises(ValueError, match=r"one of actions, best, .* Received: 'bset'"):
        reader.settings("bset")


def test_a_line_that_is_no_setting_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "FOLDER", tmp_path)
    (tmp_path / "odd.flags").write_text("# A comment.\n\nimage_size 64\n")
    with pytest.raises(ValueError, match=r"odd\.flags takes lines --setting=value. Received: 'im"):
        reader.settings("odd")
