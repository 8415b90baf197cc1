"""The one rule for paths that a user writes: `~` is the home folder, `~user` that of a user."""

import os
import re


def expand(path: str) -> str:
    """Returns a path with `~` or `~user` at its beginning replaced by that home folder.

    A shell does so for a word of its own, but not behind `--flag=`, in quotes, in lists or in
    files. Addresses stay as they are; of `tfds:NAME@FOLDER` the folder is a path, and so is what
    follows NAME= in a list of sources.

    Args:
        path: As it was written.
    """
    if named := re.match(r"[^/:=~]+=(?=~|tfds:)", path):
        return f"{named[0]}{expand(path[named.end() :])}"
    is_tfds = path.startswith("tfds:")
    before, at, folder = path.partition("@") if is_tfds else ("", "", path)
    return f"{before}{at}{os.path.expanduser(folder)}"


def expand_list(text: str) -> str:
    """Returns paths that are separated by commas, each as `expand` has it."""
    return ",".join(map(expand, text.split(",")))
