"""Reads the presets: files of lines `--setting=value`, with `#` before comments."""

import re
from pathlib import Path

from trash_keras.storage import text_files

FOLDER = Path(__file__).parent
_LINE = re.compile(r"--(\w+)=(.*)")


def names() -> list[str]:
    """Returns the names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.flags"))


def settings(name: str) -> dict[str, str]:
    """Returns what a preset sets, as text: setting -> value.

    A line `--preset=OTHER` stands for the lines of that preset; of two values for a setting the
    later one counts.

    Raises:
        ValueError: There is no such preset, or one of its lines is no setting.
    """
    if name not in names():
        raise ValueError(f"--preset must be one of {', '.join(names())}. Received: {name!r}")
    found: dict[str, str] = {}
    for line in text_files.read(FOLDER / f"{name}.flags").split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise ValueError(f"{name}.flags takes lines --setting=value. Received: {line!r}")
        found |= settings(match[2]) if match[1] == "preset" else {match[1]: match[2]}
    return found
