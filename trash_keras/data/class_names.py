"""The door for class names: what every reader finds goes through here, once."""

import unicodedata
from collections.abc import Iterable

from trash_keras.metadata import UNSURE
from trash_keras.storage.names import is_plain, printable


class ClassNameError(ValueError):
    """A name that no class may have."""


def composed(name: str) -> str:
    """Returns a name in the normal form that class names have (NFC)."""
    return unicodedata.normalize("NFC", name)


def of_folders(folders: Iterable[str]) -> dict[str, str]:
    """Returns folder -> class name, which is the folder's name with composed letters (NFC).

    So data from macOS, which decomposes them, has the classes of the same data elsewhere.

    Args:
        folders: Names of the folders that hold images, or of the classes of other sources.

    Raises:
        ClassNameError: A name that cannot be told from another one or cannot be written in every
            file and on every system: it holds control or invisible characters, bytes that are not
            UTF-8, or a slash, begins or ends with a blank, or is that of another folder in other
            case or normal form.
    """
    named: dict[str, str] = {}
    seen: dict[str, str] = {}  # class name in lower case -> folder
    for folder in sorted(folders):
        name = composed(folder)
        _require_writable(name)
        other = seen.setdefault(name.lower(), folder)
        if other != folder and named[other] == name:
            raise ClassNameError(
                f'Two class folders are called "{name}", one with composed and one with combining '
                "letters (Unicode forms NFC and NFD). Join them."
            )
        if other != folder:
            raise ClassNameError(
                f'The class folders "{other}" and "{folder}" differ only by case, which Windows '
                "and macOS do not tell apart. Join or rename them."
            )
        named[folder] = name
    return named


def _require_writable(name: str) -> None:
    if not name or not is_plain(name) or "/" in name:
        raise ClassNameError(
            "A class name must be visible text: no control characters, no bytes that are not "
            f'UTF-8. Received: "{printable(name)}". Rename the folder.'
        )
    if name != name.strip():
        raise ClassNameError(
            f'A class name must not begin or end with a blank. Received: "{name}". Rename the '
            "folder."
        )


def refuse_reserved(names: Iterable[str]) -> None:
    """Raises ClassNameError for a class to train that is called like the label of abstention."""
    for name in names:
        if name.lower() == UNSURE:
            raise ClassNameError(
                f'No class may be called "{name}": {UNSURE} is what the model says of images that '
                "it abstains on. Rename the folder, or move it out of the data."
            )
