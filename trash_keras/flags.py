"""Configuration dataclasses <-> absl flags, and how a script starts and fails."""

import contextlib
import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from absl import app, flags, logging

from trash_keras import config

# Flags defined here belong to the script that asks for them, so that its --help lists them.
flags.disclaim_key_flags()

# Older names of WANDB_MODE that W&B still takes.
ENVIRONMENT_ALIASES = {"run": "online", "shared": "online", "dryrun": "offline"}

_DEFINE: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_config(config_class: type[config.Config] = config.Config) -> None:
    """Defines one flag for every setting of a configuration, named after its field."""
    for _, field in config.fields(config_class):
        _define(field)


def define_setting(name: str) -> flags.FlagHolder:
    """Defines the flag of one field of `config.Config`, for a script that takes no others.

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
    """Defines --model of a script that answers: None means the model in the package.

    Args:
        files: Which ones it takes.
    """
    default = "Default: the one that comes with the package, for TrashNet's classes."
    return flags.DEFINE_string("model", None, f"{files} {default}")


def define_threshold() -> flags.FlagHolder:
    """Defines --threshold: None means the model's own."""
    return flags.DEFINE_float(
        "threshold", None, "Unsure up to this probability, 0..1. Default: the model's own.", 0, 1
    )


def _define(field: dataclasses.Field, **bounds: float | None) -> flags.FlagHolder:
    help_text, choices = field.metadata["help"], field.metadata["choices"]
    if choices and isinstance(field.default, str):
        return flags.DEFINE_enum(field.name, field.default, choices, help_text)
    return _DEFINE[type(field.default)](field.name, field.default, help_text, **bounds)


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
    flag = flags.FLAGS[field.name]
    found = os.environ.get(field.metadata["environment"], "")
    if flag.present or not found:
        return flag.value
    value = ENVIRONMENT_ALIASES.get(found, found)
    if value not in field.metadata["choices"]:
        raise ValueError(
            f"{field.metadata['environment']} must be one of "
            f"{', '.join(field.metadata['choices'])}. Received: {found!r}"
        )
    return value


def refuse(arguments: Sequence[str]) -> None:
    """Raises ValueError when a script that takes only flags got something else."""
    if arguments:
        raise ValueError(f"Not a flag: {' '.join(arguments)}. Flags are written --name=value.")


def run(main: Callable[[Sequence[str]], int | None]) -> NoReturn:
    """Runs a script: parses flags, calls `main` with the positional arguments, exits.

    A user's mistake (ValueError, OSError, a missing optional package) ends as one line on
    stderr with exit status 1, a wrong flag with status 2; anything else is a defect and keeps
    its traceback.
    """
    flags.DEFINE_bool("traceback", False, "Show the full traceback of an error.")
    # A log file shows each line when it is printed, not when a buffer is full.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # TensorFlow greets with a page of device notes; a user who wants them sets this variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves the faster kernels off on CPUs without AVX-512.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "10")  # a log file is no place for moving bars
    app.run(lambda argv: _guarded(main, argv), flags_parser=_parse)
    raise AssertionError("app.run does not return")


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Holds back what TensorFlow's C++ side prints to stderr while it is imported.

    Those lines come before any log level is read. They are shown after all when the import fails.
    """
    sys.stderr.flush()
    real_stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real_stderr, held.read())
            raise
        finally:
            os.dup2(real_stderr, 2)
            os.close(real_stderr)


def _parse(argv: list[str]) -> list[str]:
    try:
        arguments = flags.FLAGS(argv)
    except (flags.Error, OSError) as error:
        _fail(str(error), status=2)
    if flags.FLAGS["verbosity"].using_default_value:
        logging.set_verbosity(logging.WARNING)  # or app.run shows all that TensorFlow notes
    return arguments


def _guarded(main: Callable[[Sequence[str]], int | None], argv: Sequence[str]) -> int:
    try:
        return main(argv[1:]) or 0
    except (ValueError, OSError, ImportError) as error:
        if flags.FLAGS["traceback"].value:
            raise
        # Python's own words name the module and no remedy.
        missing = isinstance(error, ModuleNotFoundError)
        _fail(f"{error}: pip install 'trash-keras[train]'" if missing else str(error), status=1)
    except KeyboardInterrupt:
        _fail("interrupted; the same command continues where it stopped", status=130)


def _fail(message: str, status: int) -> NoReturn:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
