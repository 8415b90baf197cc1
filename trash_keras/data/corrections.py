"""A list of corrections to a data folder: which images to drop, and which get another label.

A CSV file with a line for each image, made by `trash-keras audit`, by the pages, or by hand:

    file,label,action,new_label,reason
    glass/a.jpg,glass,relabel,metal,metal 98% against 1.2%
    glass/b.jpg,glass,drop,,the same bytes as metal/b.jpg
"""

import csv
import dataclasses
import hashlib
import io
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from trash_keras.data import split_folders
from trash_keras.data.catalog import FilesByClass, scan_all
from trash_keras.data.class_names import composed
from trash_keras.storage import local, names, text_files
from trash_keras.storage.names import printable

COLUMNS = ("file", "label", "action", "new_label", "reason")
DROP, RELABEL, KEEP = ACTIONS = ("drop", "relabel", "keep")
SHOWN = 5  # bad lines in a message
# A spreadsheet computes what begins like this, so a "'" is written before it, which it hides.
_FORMULA = tuple("=+-@\t\r'")


@dataclasses.dataclass(frozen=True)
class Correction:
    """What to do with an image.

    Attributes:
        file: POSIX path relative to the data folder.
        label: Its class.
        action: One of `ACTIONS`; `keep` leaves it as it is, for a reader who has looked at it.
        new_label: Its class from now on, for `relabel`; else empty.
        reason: For people.
        line: In the file that it is from.
    """

    file: str
    label: str
    action: str
    new_label: str = ""
    reason: str = ""
    line: int = dataclasses.field(default=0, compare=False)


def write(path: str | os.PathLike, corrections: Iterable[Correction]) -> None:
    """Writes a list, whole or not at all."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in corrections:
        rows.writerow(_safe(getattr(one, column)) for column in COLUMNS)
    with local.atomic_write(path) as temporary:
        temporary.write_bytes(names.to_bytes(text.getvalue()))


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _meant(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def read(path: str | os.PathLike) -> list[Correction]:
    """Reads a list.

    Raises:
        OSError: It cannot be read.
        ValueError: It has other columns, or lines that are wrong in themselves or contradict each
            other; the message names them.
    """
    text = text_files.read(path, errors="surrogateescape", newline="")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        found = [(rows.line_num, row) for row in rows if any(row)]
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
    if tuple(header) != COLUMNS:
        raise ValueError(
            f"{path} must begin with the columns {','.join(COLUMNS)}. Received: "
            f"{printable(','.join(header)) or 'an empty file'}"
        )
    problems: list[tuple[int, str]] = []
    corrections = []
    for line, row in found:
        if len(row) != len(COLUMNS):
            problems.append((line, f"{len(row)} cells instead of {len(COLUMNS)}"))
            continue
        file, label, action, new_label, reason = map(_meant, row)
        one = Correction(file, composed(label), action.strip(), composed(new_label), reason, line)
        corrections.append(one)
        if problem := _problem(one):
            problems.append((line, problem))
    _refuse(path, problems or _contradictions(corrections))
    return corrections


def _problem(one: Correction) -> str:
    """Returns what is wrong with a line, whatever folder it is for; empty for nothing."""
    file = PurePosixPath(one.file.replace("\\", "/"))
    if not one.file or file.is_absolute() or ".." in file.parts:
        return f'"{one.file}" is no path inside the data folder'
    if one.action not in ACTIONS:
        return f'the action "{one.action}" is none of {", ".join(ACTIONS)}'
    if one.action == RELABEL and not one.new_label:
        return "relabel without a new_label"
    if one.action == RELABEL and one.new_label == one.label:
        return f"relabel to {one.label}, the label that it has"
    if one.action != RELABEL and one.new_label:
        return f"{one.action} with the new_label {one.new_label}"
    return ""


def _contradictions(corrections: Sequence[Correction]) -> list[tuple[int, str]]:
    """Returns lines that ask for something else than an earlier one of the same image."""
    first: dict[str, Correction] = {}
    found = []
    for one in corrections:
        other = first.setdefault(one.file, one)
        if (one.action, one.new_label) != (other.action, other.new_label):
            wanted = f"{other.action} {other.new_label}".strip()
            found.append((one.line, f"{one.file} again, which line {other.line} says to {wanted}"))
    return found


def _refuse(path: str | os.PathLike, problems: Sequence[tuple[int, str]]) -> None:
    if problems:
        shown = [f"line {line}: {problem}" for line, problem in problems[:SHOWN]]
        more = len(problems) - SHOWN
        raise ValueError(
            f"{path} cannot be applied, and nothing was written. {'; '.join(shown)}"
            + (f"; and {more} more lines" if more > 0 else "")
        )


def apply(corrections: Sequence[Correction], folder: Path, path: str | os.PathLike) -> None:
    """Drops and moves images in a folder, which the caller puts into place or throws away.

    An image that gets another label moves into the folder of that class, in the same split where
    the folders are splits. Where another image has its name there, its old label is added to it.

    Args:
        corrections: From `read`.
        folder: Class folders, or split folders of them; changed in place.
        path: Of the list, for messages.

    Raises:
        ValueError: A line names an image or a class that is not there, or the wrong label; the
            message names the lines. Nothing is changed then.
    """
    files, _ = scan_all(folder)
    known = _labels(files)
    spelled = _spellings(known)
    problems: list[tuple[int, str]] = []
    changes: dict[str, Correction] = {}
    for one in corrections:
        # As it is, as a page or another system writes it, or with a "'" that is its own.
        ways = (one.file, f"'{one.file}")
        file = next((way for way in ways if way in known), spelled.get(names.key(one.file), ""))
        if misfit := _misfit(one, file, known):
            problems.append((one.line, misfit))
            continue
        found = dataclasses.replace(one, file=file)
        problems += _contradictions([changes.setdefault(file, found), found])
    _refuse(path, problems)
    depth = int("train" in split_folders.find(files).values())
    _change(list(changes.values()), folder, known, depth)


def _spellings(files: Iterable[str]) -> dict[str, str]:
    """Returns other spelling -> file, without those that two files have in common."""
    found: dict[str, str] = {}
    for file in files:
        for spelling in {names.key(file), names.key(printable(file))}:
            found[spelling] = "" if spelling in found else file
    return found


def _labels(files: FilesByClass) -> dict[str, str]:
    """Returns image -> class, of class folders and of split folders."""
    if split_folders.find(files) or split_folders.find_inside(files):
        splits = list(split_folders.read(files, "the data folder").values())
    else:
        splits = [files]
    return {path: name for split in splits for name, paths in split.items() for path in paths}


def _misfit(one: Correction, file: str, known: Mapping[str, str]) -> str:
    """Returns why a line does not fit the folder; empty where it does."""
    if not file:
        return f"there is no image {one.file}"
    if known[file] != one.label:
        return f'{one.file} has the label {known[file]}, not "{one.label}"'
    classes = sorted(set(known.values()))
    if one.action == RELABEL and one.new_label not in classes:
        return f'the new_label "{one.new_label}" is none of {", ".join(classes)}'
    return ""


def _change(
    changes: Sequence[Correction], folder: Path, known: Mapping[str, str], depth: int
) -> None:
    """Drops and moves images.

    Args:
        changes: With paths as they are on disk.
        folder: Where.
        known: Image -> class.
        depth: How many folders stand above those of classes, at least.
    """
    # What is dropped first leaves its name to what moves.
    for one in changes:
        if one.action == DROP:
            (folder / one.file).unlink()
    folders = {}
    for file, label in known.items():
        above, own, _ = _parts(file, label, depth)
        folders[above, label] = own
    for one in changes:
        if one.action == RELABEL:
            above, _, rest = _parts(one.file, one.label, depth)
            there = folders.get((above, one.new_label), one.new_label)
            target = _free(folder.joinpath(*above, there, *rest), one.label)
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / one.file).rename(target)
    for one in changes:
        _remove_empty((folder / one.file).parent, folder)


def _parts(file: str, label: str, depth: int) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Returns the folders above that of the class, that one, and what is in it."""
    parts = PurePosixPath(file).parts
    at = next(
        at for at in itertools.count(depth) if at == len(parts) - 1 or composed(parts[at]) == label
    )
    return parts[:at], parts[at], parts[at + 1 :]


def _free(path: Path, label: str) -> Path:
    """Returns a path that nothing has, with a class name in it where one has `path`."""
    endings = itertools.chain(["", f"-{label}"], (f"-{label}-{n}" for n in itertools.count(2)))
    names_of_it = (path.with_name(f"{path.stem}{ending}{path.suffix}") for ending in endings)
    return next(one for one in names_of_it if not os.path.lexists(one))


def _remove_empty(place: Path, folder: Path) -> None:
    while place != folder and (not place.exists() or not any(place.iterdir())):
        if place.exists():
            place.rmdir()
        place = place.parent


def digest(path: str | os.PathLike) -> str:
    """Returns the first digits of the SHA-256 of a list, to tell it from others."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
