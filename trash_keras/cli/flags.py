"""Configuration dataclasses <-> absl flags."""

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

from trash_keras import config
from trash_keras.cli import flag_files
from trash_keras.presets import reader
from trash_keras.storage import paths

# Flags defined here belong to the verb that asks for them, so that its --help lists them.
flags.disclaim_key_flags()

# Settings that take the value of an environment variable where the flag is not given.
ENVIRONMENT = {"wandb_mode": "WANDB_MODE"}
# Older values of WANDB_MODE that W&B still takes.
ENVIRONMENT_ALIASES = {"run": "online", "shared": "online", "dryrun": "offline"}
# The settings that `--help` shows of the many that a run has; `--help_all` shows the rest.
EVERYDAY = (
    "preset", "data_dir", "split_method", "image_size", "batch_size", "backbone", "init",
    "head_epochs", "finetune_epochs", "finetune_learning_rate", "tta", "target_risk",
    "risk_confidence", "wandb_mode", "folds", "seeds",
)  # fmt: skip
# Flags whose values are paths, beside those settings that are; checked by a test over all verbs.
PATHS = {
    "apply", "catalog", "explain", "export", "external_dir", "home_dir", "label_map", "model",
    "ood_dir", "output", "paths_file", "save_unsure", "source", "variants", "workdir",
    *(field.name for _, field in config.fields() if field.metadata["is_path"]),
}  # fmt: skip
_REQUIRED = "must have a value other than None"  # what absl says of a flag that has to be given

_DEFINE: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_config(config_class: type[config.Config] = config.Config) -> None:
    """Defines one flag for every setting of a configuration, named after its field; --preset."""
    flags.DEFINE_string(
        "preset", "", f"Recipe to start from: {', '.join(reader.names())}. Other flags win over it."
    )
    for _, field in config.fields(config_class):
        _define(field)


def define_setting(name: str) -> flags.FlagHolder:
    """Defines the flag of one field of `config.Config`, for a verb that takes no others.

    Returns:
        The flag; its value is checked like that of the field when the flags are parsed.
    """
    field = next(field for _, field in config.fields() if field.name == name)
    if type(field.default) not in (int, float):
        return _define(field)
    limits = field.metadata["minimum"], field.metadata["maximum"]
    return _define(field, lower_bound=limits[0], upper_bound=limits[1])


def define_model(
    files: str = "A .keras, .tflite or .onnx file or a SavedModel folder.",
) -> flags.FlagHolder:
    """Defines --model of a verb for inference: None means the model in the package.

    Args:
        files: Which ones it takes.
    """
    default = "Default: the one that comes with the package, for TrashNet's classes."
    return flags.DEFINE_string("model", None, f"{files} {default}")


def define_threshold() -> flags.FlagHolder:
    """Defines --threshold: None means the model's own."""
    return flags.DEFINE_float(
        "threshold",
        None,
        "Unsure up to this probability, 0..1 (selective classification: the model abstains). "
        "Default: the model's own.",
        0,
        1,
    )


def define_trust() -> flags.FlagHolder:
    """Defines --trust_model."""
    return flags.DEFINE_bool(
        "trust_model",
        False,
        "Run a SavedModel whose operations do more than compute: it is a program with your rights. "
        "They are named first.",
    )


def _define(field: dataclasses.Field, **bounds: float | None) -> flags.FlagHolder:
    help_text, choices = field.metadata["help"], field.metadata["choices"]
    if choices and isinstance(field.default, str):
        return flags.DEFINE_enum(field.name, field.default, choices, help_text)
    return _DEFINE[type(field.default)](field.name, field.default, help_text, **bounds)


def is_required(flag: flags.Flag) -> bool:
    """Tells whether a flag has to be given."""
    return any(_REQUIRED in validator.message for validator in flag.validators)


def missing(error: flags.IllegalFlagValueError, known: Sequence[flags.Flag]) -> list[str]:
    """Returns the required flags that an error of `parse` is about, as in ["--model"]."""
    names = [flag.name for flag in known if is_required(flag)]
    return [f"--{name}" for name in names if f"--{name} {_REQUIRED}" in str(error)]


def parse(arguments: Sequence[str]) -> list[str]:
    """Parses flags; those of a preset count less than those given, wherever --preset stands.

    In all flags of `PATHS`, and in positional arguments, `~` becomes the home folder.

    Args:
        arguments: Name of the program, flags and positional arguments.

    Returns:
        Name of the program and positional arguments.

    Raises:
        absl.flags.Error: An unknown flag, or a value that it does not take.
        ValueError: There is no such preset or no such user's home, or a number is not finite.
        OSError: A --flagfile that cannot be read.
    """
    for path in _flag_files(arguments[1:]):
        from trash_keras.data import file_roles  # late: help and most calls do without it

        file_roles.require("flagfile", path)
    rest = _parse(flag_files.inline(arguments))
    for name in PATHS.intersection(flags.FLAGS):
        if flags.FLAGS[name].value:
            flags.FLAGS[name].value = _expanded(name, flags.FLAGS[name].value)
    for name, flag in flags.FLAGS.flag_values_dict().items():
        if isinstance(flag, float) and not math.isfinite(flag):  # NaN is in every range
            raise ValueError(f"--{name} must be a finite number. Received: {flag}")
    return [rest[0], *map(paths.expand, rest[1:])]


def _expanded(name: str, value: str) -> str:
    found = paths.expand_list(value)
    for path in found.split(","):
        user = path.split("/")[0]
        if path.startswith("~") and not os.path.lexists(user):
            raise ValueError(
                f"--{name}: there is no user {user[1:]}. A file or folder that is called so is "
                f"written ./{path}. Received: {value}"
            )
    return found


def _parse(arguments: Sequence[str]) -> list[str]:
    if "preset" not in flags.FLAGS:
        return flags.FLAGS(arguments)
    flags.FLAGS["preset"].unparse()  # of an earlier call, whose settings stand by now
    rest = flags.FLAGS(arguments)
    if name := flags.FLAGS["preset"].value:
        recipe = [f"--{setting}={value}" for setting, value in reader.settings(name).items()]
        rest = flags.FLAGS([arguments[0], *recipe, *arguments[1:]])  # of two, the last one counts
    return rest


def _flag_files(arguments: Sequence[str]) -> Iterator[str]:
    for argument, following in itertools.pairwise([*arguments, ""]):
        name, given, value = argument.lstrip("-").partition("=")
        if name == "flagfile" and argument.startswith("-"):
            yield os.path.expanduser(value if given else following)


def read_config(config_class: type[config.Config] = config.Config) -> Any:
    """Builds a configuration of that class from the parsed flags of `define_config`.

    Raises:
        ValueError: A value that is not allowed; the message names the flag.
    """
    values: dict[str, dict[str, Any]] = {}
    for section, field in config.fields(config_class):
        values.setdefault(section, {})[field.name] = _value(field)
    return config_class.from_dict(values)


def _value(field: dataclasses.Field) -> Any:
    flag, variable = flags.FLAGS[field.name], ENVIRONMENT.get(field.name, "")
    found = os.environ.get(variable, "")
    if flag.present or not found:
        return flag.value
    value, allowed = ENVIRONMENT_ALIASES.get(found, found), field.metadata["choices"]
    if value not in allowed:
        raise ValueError(f"{variable} must be one of {', '.join(allowed)}. Received: {found!r}")
    return value


def reject_positional_arguments(arguments: Sequence[str]) -> None:
    """Raises ValueError when a verb that takes only flags got something else."""
    if arguments:
        raise ValueError(f"Not a flag: {' '.join(arguments)}. Flags are written --name=value.")


def reject_useless(given: Sequence[flags.FlagHolder], condition: str) -> None:
    """Raises ValueError when flags are given that change nothing here.

    Args:
        given: Those that would change nothing.
        condition: Why, as in "without --shards".
    """
    if useless := [f"--{flag.name}" for flag in given if flag.present]:
        raise ValueError(f"{', '.join(useless)} changes nothing {condition}. Leave it out.")
