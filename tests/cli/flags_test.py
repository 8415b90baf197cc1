import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import VERB
from trash_keras import config
from trash_keras.cli import flags, verbs

ROOT = Path(__file__).parents[2]
SHOW = "import json; print(json.dumps([flags.read_config().to_dict(), paths]))"


def run(main, *arguments):
    command = [sys.executable, "-c", VERB.format(main=main), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    options = {"capture_output": True, "text": True, "timeout": 60, "cwd": ROOT}
    return subprocess.run(command, env=environment, **options)


def shown(*arguments):
    done = run(SHOW, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_setting_is_a_flag_with_its_default_its_help_and_its_choices():
    listing = (
        "from absl import flags; import json; print(json.dumps({flag.name: [flag.default, "
        "flag.help, getattr(flag.parser, 'enum_values', [])] "
        "for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])}))"
    )
    done = run(listing)
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    for _, field in config.fields():
        default, help_text, choices = known[field.name]
        assert (default, type(default)) == (field.default, type(field.default))
        assert field.metadata["help"] in help_text and help_text.endswith((".", ")"))
        # absl knows choices of strings only; of numbers, the configuration checks them.
        wanted = field.metadata["choices"] if isinstance(field.default, str) else ()
        assert tuple(choices) == wanted


def test_without_flags_the_configuration_is_the_default():
    values, paths = shown()
    assert config.Config.from_dict(values) == config.Config() and paths == []


def test_what_is_given_wins_over_the_preset_wherever_it_stands(tmp_path):
    (tmp_path / "more.flags").write_text("--finetune_epochs=3\n")
    for arguments in (
        ["--preset=best", "--image_size=64", f"--flagfile={tmp_path}/more.flags", "a.jpg"],
        ["a.jpg", f"--flagfile={tmp_path}/more.flags", "--image_size=64", "--preset", "best"],
    ):
        values, paths = shown(*arguments)
        assert values["data"]["image_size"] == 64
        assert values["training"]["finetune_epochs"] == 3
        assert values["training"]["head_epochs"] == 30  # of the preset
        assert paths == ["a.jpg"]


def test_a_preset_may_stand_in_a_flagfile(tmp_path):
    (tmp_path / "mine.flags").write_text("--image_size=96\n--preset=best\n")
    values, _ = shown(f"--flagfile={tmp_path}/mine.flags")
    assert values["data"]["image_size"] == 96 and values["training"]["head_epochs"] == 30


def test_flags_and_positional_arguments_arrive_and_the_last_flag_counts(tmp_path):
    preset = tmp_path / "small.flags"
    preset.write_text("# A comment.\n--image_size=64\n--flip=none\n--nodeterministic\n")
    values, paths = shown(f"--flagfile={preset}", "a.jpg", "--image_size=32", "--deterministic")
    assert values["data"]["image_size"] == 32
    assert values["augmentation"]["flip"] == "none"
    assert values["runtime"]["deterministic"] is True
    assert paths == ["a.jpg"]


def test_what_is_not_a_flag_is_refused():
    flags.reject_positional_arguments([])
    with pytest.raises(ValueError, match=r"Not a flag: a b\. Flags are written --name=value"):
        flags.reject_positional_arguments(["a", "b"])


@pytest.mark.parametrize(
    ("variable", "arguments", "mode"),
    [
        ("", (), "disabled"),
        ("online", (), "online"),
        ("dryrun", (), "offline"),
        ("disabled", (), "disabled"),
        ("online", ("--wandb_mode=disabled",), "disabled"),
        ("offline", ("--wandb_mode=online",), "online"),
    ],
)
def test_a_flag_that_is_given_wins_over_the_variable(monkeypatch, variable, arguments, mode):
    monkeypatch.setenv("WANDB_MODE", variable)
    assert shown(*arguments)[0]["tracking"]["wandb_mode"] == mode


def test_a_variable_that_names_no_mode_is_refused(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    done = run(SHOW)
    assert done.returncode == 1
    assert "WANDB_MODE must be one of disabled, offline, online. Received: 'some" in done.stderr


ACCEPTED = """
import importlib, json, sys
from absl import flags
from trash_keras import config
from trash_keras.cli import flags as ours
name = sys.argv[1]
verb = importlib.import_module("trash_keras.cli." + name)
kind = config.CrossValidationConfig if name == "cross_validate" else config.Config
numbers = [flag for flag in flags.FLAGS.get_key_flags_for_module(verb)
           if flag.flag_type() in ("int", "float")]
accepted = []
for flag in numbers:
    flag.using_default_value, default = True, flag.value
    for text in ("1000000000001", "-1000000000001", "inf", "nan"):
        try:
            flag.parse(text)
            for validator in flag.validators:
                validator.verify(flags.FLAGS)
            assert flag.value == flag.value  # no NaN, which `parse` refuses
            if flag.name in [field.name for _, field in config.fields(kind)]:
                kind.make(**{flag.name: flag.value})
            accepted.append([flag.name, text])
        except (flags.Error, ValueError, AssertionError):
            pass
        flag.value = default
print(json.dumps([len(numbers), accepted]))
"""


@pytest.mark.parametrize("verb", sorted(verbs.VERBS))
def test_no_number_of_a_verb_may_be_absurd(verb):
    command = [sys.executable, "-c", ACCEPTED, verb]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    count, accepted = json.loads(done.stdout)
    assert (count or verb == "compare") and not accepted


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_is_finite(value):
    done = run("return 0", f"--zoom={value}")
    assert done.returncode == 2 and "--zoom must be a finite number" in done.stderr


def test_no_setting_of_python_may_be_absurd_either():
    for _, field in config.fields(config.CrossValidationConfig):
        if type(field.default) in (int, float):
            for value in (10**12 + 1, -(10**12), float("inf"), float("nan")):
                with pytest.raises(ValueError, match=f"--{field.name} must be"):
                    config.CrossValidationConfig.make(**{field.name: value})
