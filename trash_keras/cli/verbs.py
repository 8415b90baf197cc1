"""The verbs of `trash-keras`, and how a command line reaches one of them."""

import ast
import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import trash_keras
from trash_keras.storage.names import printable

EVERYDAY = (
    "train", "adapt", "predict", "evaluate", "export", "prepare", "audit", "demo", "serve",
    "review",
)  # fmt: skip
RARE = ("cross_validate", "ablate", "compare", "benchmark")
VERBS = (*EVERYDAY, *RARE)
# What other tools call them.
OTHER_NAMES = {
    "fit": "train", "finetune": "train", "val": "evaluate", "validate": "evaluate",
    "test": "evaluate", "score": "evaluate", "classify": "predict", "infer": "predict",
    "inference": "predict", "convert": "export", "quantize": "export", "download": "prepare",
    "data": "prepare", "check": "audit", "web": "demo", "app": "demo", "api": "serve",
    "tune": "ablate", "diff": "compare", "bench": "benchmark", "cv": "cross_validate",
    "label": "review", "annotate": "review", "active_learning": "review",
}  # fmt: skip


def main(arguments: Sequence[str]) -> NoReturn:
    """Runs the verb that the arguments begin with; without one, says which there are."""
    if not arguments or arguments[0] in ("--help", "-h", "-help", "help", "--help_all"):
        print(page())
        sys.exit(0 if arguments else 2)
    if arguments[0] == "--version":
        print(f"trash-keras {trash_keras.__version__}")
        sys.exit(0)
    verb, *rest = arguments
    if verb not in VERBS:
        print(f"error: {printable(_unknown(verb))}", file=sys.stderr)
        sys.exit(2)
    run(verb, rest)


def run(verb: str, arguments: Sequence[str]) -> NoReturn:
    """Runs a verb with its flags and positional arguments, and exits.

    A notebook may do so again in the same process, and find its `sys.argv` as it was.
    """
    from trash_keras.cli import launch

    before, module = sys.argv, f"trash_keras.cli.{verb}"
    # So that reports record the same command however it was started.
    sys.argv = [f"trash-keras {verb}", *arguments]
    launch.forget_flags()  # of an earlier verb in this process
    sys.modules.pop(module, None)  # which would define them no more
    try:
        launch.run(importlib.import_module(module))
    finally:
        sys.argv = before


def page() -> str:
    """Returns the list of verbs, with a line for each."""
    everyday, rare = (
        "\n".join(f"  {verb:15} {_summary(verb)}" for verb in verbs) for verbs in (EVERYDAY, RARE)
    )
    return (
        "usage: trash-keras VERB [--flag=value ...]\n\n"
        "Images of waste, classified by transfer learning in Keras: from a folder to a phone.\n\n"
        f"{everyday}\n\nTo compare recipes and models:\n{rare}\n\n"
        "trash-keras VERB --help says what a verb does and which flags it takes."
    )


def _summary(verb: str) -> str:
    """Returns the first line of a verb's documentation, without an import of what it needs."""
    source = Path(__file__).with_name(f"{verb}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _unknown(verb: str) -> str:
    if verb.startswith("-"):
        return f"A verb comes first: trash-keras VERB {verb}. Verbs: {', '.join(VERBS)}."
    near = difflib.get_close_matches(verb.replace("-", "_"), VERBS, 1)
    guess = OTHER_NAMES.get(verb) or next(iter(near), "")
    hint = f"Did you mean {guess}?" if guess else f"Verbs: {', '.join(VERBS)}."
    return f"Unknown verb {verb}. {hint}"
