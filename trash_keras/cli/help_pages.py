"""What `trash-keras VERB --help` prints: the verb, an example, its flags in groups."""

import dataclasses
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from absl import flags

from trash_keras import config
from trash_keras.cli.flags import EVERYDAY, is_required

_KINDS = {"int": "N", "float": "X", "string": "TEXT", "comma separated list of strings": "A,B"}
_COLUMN = 30  # where the text of a flag begins, characters


def page(module: ModuleType, program: str, *, everything: bool) -> str:
    """Returns the help of a verb.

    Args:
        module: Its module; the page begins with its documentation. A constant GROUPS, title ->
            flags, puts flags under titles; those of a configuration stand under its sections.
        program: What is typed to start it, as in "trash-keras train".
        everything: All flags, not just the everyday ones.
    """
    own = flags.FLAGS.get_key_flags_for_module(module)
    has_config = any(flag.name == "preset" for flag in own)
    sections = _sections() | {"preset": "Recipe"} if has_config else {}
    hidden = (set(sections) - set(EVERYDAY)) | {"traceback", "workers"}
    shown = [flag for flag in own if everything or flag.name not in hidden]
    titles = sections | {
        flag.name: title
        for title, members in getattr(module, "GROUPS", {}).items()
        for flag in members
    }
    groups: dict[str, list[flags.Flag]] = {}
    for flag in shown:
        groups.setdefault(titles.get(flag.name, "More" if titles else "Flags"), []).append(flag)
    parts = [(module.__doc__ or "").strip()]
    parts += [f"{title}:\n{_entries(members)}" for title, members in groups.items()]
    if everything:
        parts.append(
            "--flagfile=FILE reads flags from a file, one a line; --helpfull shows absl's."
        )
    elif len(shown) + 1 < len(own):
        parts.append(f"All {len(own)} flags: {program} --help_all")
    return "\n\n".join(parts)


def _sections() -> dict[str, str]:
    """Returns setting -> the title of its section, with the first line of its documentation."""
    sections: dict[str, Any] = {
        section.name: section.type for section in dataclasses.fields(config.CrossValidationConfig)
    }
    titles = {
        name: f"{kind.__name__.removesuffix('Config')} ({_first_sentence(kind.__doc__ or '')})"
        for name, kind in sections.items()
    }
    return {field.name: titles[name] for name, field in config.fields(config.CrossValidationConfig)}


def _first_sentence(text: str) -> str:
    line = text.partition("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def _entries(members: Iterable[flags.Flag]) -> str:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    return "\n".join(_entry(flag, max(width, _COLUMN + 20)) for flag in members)


def _entry(flag: flags.Flag, width: int) -> str:
    form, text = _form(flag), _text(flag)
    margin = " " * _COLUMN
    lines = textwrap.wrap(  # a word that is searched for stays whole
        text, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )
    if len(form) < _COLUMN - 1:
        return "\n".join([form.ljust(_COLUMN) + lines[0].lstrip(), *lines[1:]])
    return "\n".join([form, *lines])


def _form(flag: flags.Flag) -> str:
    if flag.boolean:
        return f"  --[no]{flag.name}"
    choices: Sequence[str] = getattr(flag.parser, "enum_values", None) or ()
    kind = "|".join(choices) or _KINDS[flag.flag_type()]
    return f"  --{flag.name}={kind}"


def _text(flag: flags.Flag) -> str:
    """Returns the help of a flag with its default, where the help does not say it."""
    text = flag.help.partition(">: ")[2] or flag.help  # absl begins with the choices
    if is_required(flag):
        return f"{text} Required."
    if flag.default in (None, "") or "Default:" in text:
        return text
    shown = str(flag.default).lower() if flag.boolean else flag.default_as_str.strip("'")
    return f"{text} Default: {shown}."
