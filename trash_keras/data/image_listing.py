"""Which files of a folder are images: one rule for all verbs and readers, and what it passes over.

A file counts whose suffix is one of an image, or which has none and the content of one.
"""

import dataclasses
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from trash_keras.data import class_names, formats
from trash_keras.storage import remote
from trash_keras.storage.addresses import public_value
from trash_keras.storage.names import printable

# Folders and files that systems, NAS devices and programs add: their thumbnails are no data.
_SYSTEM = {
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "@synoeastream", "#recycle",
    "@recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found",
    "_vti_cnf", "__pycache__", "@tmp", "@sharebin",
}  # fmt: skip
OTHER, HIDDEN = "of other kinds", "hidden or made by a system"
LOOSE, BROKEN = "in no class folder", "broken links or devices"
LINKED = "linked folders that are read already or lie above"
UNLABELLED = "without a label"
EXAMPLES = 20  # in a report
_SHOWN = 3  # of these, in a line; of suffixes twice as many
_ORDER = (OTHER, LOOSE, LINKED, BROKEN, UNLABELLED, HIDDEN)

PassedOver = Mapping[str, Sequence[str]]  # reason -> paths


@dataclasses.dataclass(frozen=True)
class Found:
    """What lies in a folder.

    Attributes:
        images: POSIX paths relative to the folder, sorted.
        folders: Names of the folders on top, sorted; in an object store those with images.
        passed_over: Everything else that is worth telling.
    """

    images: tuple[str, ...]
    folders: tuple[str, ...]
    passed_over: PassedOver


def is_image(name: str, read_start: Callable[[], bytes]) -> bool:
    """Tells whether a file is taken for an image.

    Args:
        name: Of the file, or its path.
        read_start: Returns its first `formats.START_BYTES`; called where the name does not say.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in formats.SUFFIXES:
        return True
    if re.fullmatch(r"\.[a-z][a-z0-9]{0,9}", suffix) or name.endswith("~"):
        return False
    try:
        return bool(formats.identify(read_start()))
    except (formats.UnknownFormatError, OSError):
        return False


def is_hidden(path: str) -> bool:
    """Says whether a relative path is hidden or made by a system, at any level."""
    parts = PurePosixPath(path).parts
    return any(part.startswith(".") or part.lower() in _SYSTEM for part in parts)


def list_folder(root: str | os.PathLike) -> Found:
    """Lists the images in a folder and below, whatever order the file system gives.

    Linked folders are followed, each folder once: the ones that lie below `root` by themselves
    count there, and a link to a folder above is none of the data.

    Raises:
        OSError: `root` cannot be read.
    """
    images: list[str] = []
    passed: dict[str, list[str]] = {}
    folders, links = deque([(os.fspath(root), "")]), deque[tuple[str, str]]()
    seen: set[tuple[int, int]] = set()
    on_top: list[str] = []
    while folders or links:
        is_link = not folders
        folder, relative = links.popleft() if is_link else folders.popleft()
        fact = os.stat(folder)
        if (fact.st_dev, fact.st_ino) in seen or (is_link and _lies_above(folder, root)):
            passed.setdefault(LINKED, []).append(relative)
            continue
        seen.add((fact.st_dev, fact.st_ino))
        if relative and "/" not in relative:
            on_top.append(relative)
        for entry in _entries(folder):
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir() and not is_hidden(entry.name):
                (links if entry.is_symlink() else folders).append((entry.path, path))
            elif reason := _reason(entry):
                passed.setdefault(reason, []).append(path)
            else:
                images.append(path)
    return Found(tuple(sorted(images)), tuple(sorted(on_top)), passed)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Returns what lies in a folder, without hidden files that nobody takes for images."""
    with os.scandir(folder) as entries:
        return sorted(
            (
                entry
                for entry in entries
                if not is_hidden(entry.name) or entry.is_dir() or is_image(entry.name, bytes)
            ),
            key=lambda entry: entry.name,
        )


def _reason(entry: os.DirEntry[str]) -> str:
    """Returns why an entry is passed over; empty for an image."""
    if is_hidden(entry.name):
        return HIDDEN
    if not entry.is_file():
        return BROKEN
    return "" if is_image(entry.name, lambda: _start(entry.path)) else OTHER


def _start(path: str | os.PathLike) -> bytes:
    with open(path, "rb") as file:
        return file.read(formats.START_BYTES)


def is_image_file(path: Path) -> bool:
    """Tells whether a path is a file that is taken for an image, and not hidden."""
    return path.is_file() and not is_hidden(path.name) and is_image(path.name, lambda: _start(path))


def _lies_above(link: str, root: str | os.PathLike) -> bool:
    target = Path(link).resolve()
    return any(Path(place).resolve().is_relative_to(target) for place in (root, Path(link).parent))


def list_remote(address: str) -> tuple[str, Found]:
    """Lists the images in and below a folder of an object store.

    Returns:
        The address of the folder as the store writes it, and what was found.

    Raises:
        OSError: The object store does not respond.
    """
    filesystem, root = remote.open_filesystem(address)
    root = root.rstrip("/")
    images: list[str] = []
    passed: dict[str, list[str]] = {}
    for name in sorted(filesystem.find(root)):
        path = name[len(root) :].strip("/")

        def start(name: str = name) -> bytes:
            return filesystem.cat_file(name, start=0, end=formats.START_BYTES)

        if is_hidden(path):
            if is_image(path, bytes):
                passed.setdefault(HIDDEN, []).append(path)
        elif is_image(path, start):
            images.append(path)
        else:
            passed.setdefault(OTHER, []).append(path)
    folders = sorted({path.split("/")[0] for path in images if "/" in path})
    return filesystem.unstrip_protocol(root), Found(tuple(images), tuple(folders), passed)


def by_class(found: Found) -> tuple[dict[str, tuple[str, ...]], PassedOver]:
    """Returns class name -> its images, and what is passed over, images in none among it.

    Raises:
        ClassNameError: As `class_names.of_folders`.
    """
    files: dict[str, list[str]] = {name: [] for name in found.folders}
    loose: list[str] = []
    for path in found.images:
        (files[path.split("/")[0]] if "/" in path else loose).append(path)
    passed = {**found.passed_over, LOOSE: loose} if loose else found.passed_over
    named = class_names.of_folders(folder for folder, paths in files.items() if paths)
    classes = {named.get(folder, folder): tuple(paths) for folder, paths in files.items()}
    return {name: classes[name] for name in sorted(classes)}, passed


def summary(passed: PassedOver) -> dict[str, Any]:
    """Returns what was passed over as a report has it: for each reason `files` and `examples`.

    Of files of other kinds also `suffixes`, suffix -> files.
    """
    return {
        reason: {
            "files": len(paths := sorted(passed[reason])),
            "examples": [printable(path) for path in paths[:EXAMPLES]],
            **({"suffixes": _suffixes(paths)} if reason == OTHER else {}),
        }
        for reason in _ORDER
        if reason in passed
    }


def _suffixes(paths: Sequence[str]) -> dict[str, int]:
    suffixes = (os.path.splitext(path)[1].lower() or "no suffix" for path in paths)
    return dict(Counter(map(printable, suffixes)).most_common(EXAMPLES))


def sentence(summarized: Mapping[str, Any]) -> str:
    """Returns `summary` in a line: "2 of other kinds (.txt 2); 1 in no class folder (a.jpg)"."""
    return "; ".join(
        f"{facts['files']} {reason} ({', '.join(_shown(facts))})"
        for reason, facts in summarized.items()
    )


def _shown(facts: Mapping[str, Any]) -> Iterator[str]:
    suffixes = facts.get("suffixes", {})
    shown = [f"{suffix} {count}" for suffix, count in suffixes.items()] or facts["examples"]
    most = 2 * _SHOWN if suffixes else _SHOWN
    yield from shown[:most]
    if len(shown) > most:
        yield "and others"


def tell(passed: PassedOver, place: str | os.PathLike) -> None:
    """Says in a line on stderr what was passed over, if anything was."""
    if passed:
        line = f"Passed over in {public_value(os.fspath(place))}: {sentence(summary(passed))}"
        print(line, file=sys.stderr, flush=True)


def no_images(place: str | os.PathLike, passed: PassedOver, needed: str = "") -> ValueError:
    """Returns the error for a place without any image.

    Args:
        place: Folder or address.
        passed: What is there instead.
        needed: What has to be there; for class folders the default.
    """
    needed = needed or f"it needs one folder per class with {formats.NAMES} files"
    there = f" Passed over: {sentence(summary(passed))}." if passed else ""
    return ValueError(f"{place} has no images: {needed}.{there}")
