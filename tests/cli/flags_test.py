import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trash_keras import config, flags

ROOT = Path(__file__).parents[1]
# A script as those in experiments/: MAIN is what its main does.
SCRIPT = """
import os, sys
from trash_keras import config, flags as script
def main(paths):
    {main}
script.define_config()
script.run(main)
"""
SHOW = "import json; print(json.dumps([script.read_config().to_dict(), paths]))"


def run(main, *arguments):
    command = [sys.executable, "-c", SCRIPT.format(main=main), *arguments]
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


@pytest.mark.parametrize("preset", sorted(ROOT.glob("experiments/presets/*.flags")))
def test_presets_hold_settings(preset):
    values, paths = shown(f"--flagfile={preset}")
    assert config.Config.from_dict(values) != config.Config() and paths == []


def test_flags_and_positional_arguments_arrive_and_the_last_flag_counts(tmp_path):
    preset = tmp_path / "small.flags"
    preset.write_text("# A comment.\n--image_size=64\n--flip=none\n--nodeterministic\n")
    values, paths = shown(f"--flagfile={preset}", "a.jpg", "--image_size=32", "--deterministic")
    assert values["data"]["image_size"] == 32
    assert values["augmentation"]["flip"] == "none"
    assert values["runtime"]["deterministic"] is True
    assert paths == ["a.jpg"]


@pytest.mark.parametrize(
    ("main", "arguments", "status", "message"),
    [
        ("return 0", [], 0, None),
        ("return None", [], 0, None),
        ("return 3", [], 3, None),
        ("script.read_config()", ["--image_size=3"], 1, "--image_size must be at least 16"),
        ("raise ValueError('first\\n  second')", [], 1, "error: first second\n"),
        ("open('gone')", [], 1, "No such file"),
        ("raise ImportError('pip install x')", [], 1, "error: pip install x\n"),
        ("raise KeyboardInterrupt", [], 130, "error: interrupted; the same command continues"),
        ("return 0", ["--imagesize=3"], 2, "Unknown command line flag 'imagesize'"),
        ("return 0", ["--image_size=big"], 2, "flag --image_size=big"),
        ("return 0", ["--resize=squash"], 2, "should be one of <stretch|crop|pad>"),
        ("return 0", ["--flagfile=gone.flags"], 2, "gone.flags"),
    ],
)
def test_a_script_ends_with_a_status_and_one_line_at_most(main, arguments, status, message):
    done = run(main, *arguments)
    assert done.returncode == status, done.stderr
    if message is None:
        assert done.stderr == ""
    else:
        assert message in done.stderr and done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("main", "arguments"),
    [("raise ValueError('wrong')", ["--traceback"]), ("raise TypeError('wrong')", [])],
    ids=["asked for", "defect"],
)
def test_a_traceback_is_shown_when_asked_for_and_for_a_defect(main, arguments):
    done = run(main, *arguments)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "Error: wrong" in done.stderr


def test_a_line_is_out_when_it_is_printed_even_if_the_script_is_killed():
    assert run("print('a line'); os._exit(9)").stdout == "a line\n"


def test_what_is_not_a_flag_is_refused():
    flags.refuse([])
    with pytest.raises(ValueError, match=r"Not a flag: a b\. Flags are written --name=value"):
        flags.refuse(["a", "b"])


def test_noise_of_an_import_is_held_back_unless_it_fails(capfd):
    with flags.quiet_imports():
        os.write(2, b"device notes\n")
        sys.stderr.flush()
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"
    with pytest.raises(ImportError), flags.quiet_imports():
        os.write(2, b"missing library\n")
        raise ImportError
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "missing library\nlater\n"


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
