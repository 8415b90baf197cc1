"""Folders that are splits, not classes: told by their names, in any case and usual spelling.

Both orders are known, SPLIT/CLASS/image and CLASS/SPLIT/image.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from trash_keras.data import class_names
from trash_keras.data.catalog import SPLITS, FilesByClass

_WORDS = {
    "train": "train|training|trn|trainval",
    "valid": "val|valid|validation|validate|dev|devel|development",
    "test": "test|testing|tst",
}
# What names of split folders also say: test_set, TrainingData, images-val.
_FILLER = (
    "(?:set|data|dataset|split|part|folder|images?|imgs?|photos?|pict[a-z]*|files|samples|seg)"
)
_PATTERNS = {
    split: re.compile(f"{_FILLER}*(?:{words}){_FILLER}*") for split, words in _WORDS.items()
}
KEEP = "Use --split_method=folders to keep that split, or name one of them as --data_dir."
NAME_ONE = "Name one of them as --data_dir."


def split_of(folder: str) -> str | None:
    """Returns the split that the name of a folder means, None for any other name."""
    split, rest = _parse(folder)
    return None if rest else split


def _parse(folder: str) -> tuple[str | None, tuple[str, ...]]:
    """Returns the split in a name, and the words in it that mean something else."""
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", folder).casefold())
    meant, rest = [], []
    for word in words:
        splits = [split for split, pattern in _PATTERNS.items() if pattern.fullmatch(word)]
        if splits:
            meant += splits
        elif not re.fullmatch(f"{_FILLER}+", word):
            rest.append(word)
    if set(meant) == {"train", "valid"}:
        return "train", tuple(rest)
    return (meant[0] if len(meant) == 1 else None), tuple(rest)


def _named(folders: Iterable[str]) -> dict[str, str]:
    """Returns folder -> split; flowers_train counts where a flowers_test is beside it."""
    parsed = {folder: _parse(folder) for folder in folders}
    splits_of: dict[tuple[str, ...], set[str]] = {}
    for split, rest in parsed.values():
        if split:
            splits_of.setdefault(rest, set()).add(split)
    return {
        folder: split
        for folder, (split, rest) in parsed.items()
        if split and (not rest or len(splits_of[rest]) > 1)
    }


def find(files: FilesByClass) -> dict[str, str]:
    """Tells which top folders are splits; none where they look like classes.

    A folder named like a split is a class when its images lie in it directly and there are at
    least as many other folders; or, when no folder beside it has images directly, at least three
    times as many.

    Args:
        files: Top folder -> paths, as a reader lists them.

    Returns:
        Folder -> train, valid or test.
    """
    named = _named(files)
    others = [name for name, paths in files.items() if paths and name not in named]
    if all(_has_images_directly(files[name]) for name in named if files[name]):
        classes = len(others) >= len(named)
    else:
        direct = any(_has_images_directly(files[name]) for name in others)
        classes = not direct and len(others) >= 3 * len(named)
    return {} if classes else named


def _has_images_directly(paths: Iterable[str]) -> bool:
    return any(path.count("/") == 1 for path in paths)


def _inner(paths: Iterable[str], depth: int = 1) -> set[str]:
    """Returns the names of the folders at a depth that hold images, empty for none."""
    parts = [PurePosixPath(path).parts for path in paths]
    return {part[depth] if len(part) > depth + 1 else "" for part in parts}


def find_inside(files: FilesByClass) -> dict[str, str]:
    """Tells which folders in class folders are splits; none unless all of them are.

    Args:
        files: Top folder -> paths, as a reader lists them.

    Returns:
        Folder -> train, valid or test.
    """
    inner: set[str] = set().union(*map(_inner, files.values()))
    splits = {name: split for name in inner if (split := split_of(name))}
    wrapped = sum(map(bool, files.values())) < 2  # a folder around splits is no class
    several = len(set(splits.values())) > 1
    return splits if several and not wrapped and len(splits) == len(inner) else {}


def require_class_folders(files: FilesByClass, remedy: str = KEEP) -> None:
    """Checks that the top folders are classes.

    Args:
        files: Top folder -> paths, as a reader lists them.
        remedy: What to do about splits, for the message.

    Raises:
        ValueError: They are splits, have splits in them, or are copies of the same classes.
    """
    if found := find(files):
        if len(found) == 1:
            remedy = "Name it as --data_dir."
        others = [name for name, paths in files.items() if paths and name not in found]
        raise ValueError(
            f"The data folder holds {_listed(found)} instead of classes. {remedy}"
            + (f" If {_listed(found)} is a class, rename its folder." if others else "")
        )
    if found := find_inside(files):
        keep = "Use --split_method=folders to keep that split." if remedy == KEEP else ""
        raise ValueError(f"The class folders hold the splits {_listed(found)}. {keep}".rstrip())
    filled = [name for name, paths in files.items() if paths]
    inner = [_inner(files[name]) for name in filled]
    if 1 < len(filled) <= len(inner[0]) and "" not in inner[0] and inner[1:] == inner[:-1]:
        raise ValueError(
            f"The folders {_listed(filled)} all hold the same folders, as if these were the "
            f"classes: {', '.join(sorted(inner[0]))}. {NAME_ONE}"
        )


def _listed(names: Iterable[str]) -> str:
    *first, last = sorted(names, key=lambda name: (SPLITS.index(_parse(name)[0] or "test"), name))
    return f"{', '.join(first)} and {last}" if first else last


def read(files: FilesByClass, data_dir: str | os.PathLike) -> dict[str, FilesByClass]:
    """Returns the splits that the folders say.

    Args:
        files: Top folder -> paths, as a reader lists them.
        data_dir: What messages call the data.

    Returns:
        Two or three of train, valid and test -> class name -> paths; train is one of them.

    Raises:
        ValueError: There are no such folders, two of one split, or none for train or beside it.
    """
    folders, place = _named(files), 0
    if "train" not in folders.values() and (inside := find_inside(files)):
        folders, place = inside, 1
    by_split: dict[str, list[str]] = {split: [] for split in SPLITS}
    for folder, split in folders.items():
        if place or files[folder]:
            by_split[split].append(folder)
    for split, found in by_split.items():
        if len(found) > 1 or (split == "train" and not found):
            usual = " or ".join(_WORDS[split].split("|")[:2])
            raise ValueError(
                f"--split_method=folders needs one folder {usual} in {data_dir}. "
                f"Found: {', '.join(found or files)}."
            )
    by_split = {split: found for split, found in by_split.items() if found}
    if len(by_split) == 1:
        raise ValueError(
            f"--split_method=folders needs folders for train and for test or valid in {data_dir}. "
            f"Found: {by_split['train'][0]} alone. Name that folder as --data_dir instead."
        )
    if place:
        everything = [path for paths in files.values() for path in paths]
        return {
            split: _by_class((path for path in everything if path.split("/")[1] == folder), 0)
            for split, (folder,) in by_split.items()
        }
    return {
        split: _by_class(files[folder], _class_depth(files[folder], folder, data_dir))
        for split, (folder,) in by_split.items()
    }


def _class_depth(paths: Iterable[str], folder: str, data_dir: str | os.PathLike) -> int:
    """Returns where in the paths the class stands; a single folder around classes is passed."""
    paths, depth = list(paths), 1
    if "" in (inner := _inner(paths)):
        loose = [path for path in paths if path.count("/") == 1]
        unlabelled = inner == {""}
        raise ValueError(
            f"{folder} in {data_dir} has images but no class folders; without classes they cannot "
            "be scored. Move it elsewhere."
            if unlabelled
            else f"{loose[0]} in {data_dir} lies in no class folder."
        )
    while len(inner) == 1 and "" not in (inner := _inner(paths, depth + 1)):
        depth += 1
    return depth


def _by_class(paths: Iterable[str], place: int) -> FilesByClass:
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(path.split("/")[place], []).append(path)
    named = class_names.of_folders(files)
    return {
        named[folder]: tuple(sorted(files[folder]))
        for folder in sorted(named, key=named.__getitem__)
    }


def counts(files: FilesByClass) -> dict[str, int]:
    """Returns class name -> images, of all splits together where the folders are splits."""
    if find(files) or find_inside(files):
        try:
            splits: Mapping[str, FilesByClass] = read(files, "the data folder")
        except ValueError:  # whoever trains on it is told
            return {name: len(paths) for name, paths in files.items() if paths}
        names = sorted({name for split in splits.values() for name in split})
        return {name: sum(len(split.get(name, ())) for split in splits.values()) for name in names}
    return {name: len(paths) for name, paths in files.items() if paths}


def tell(files: FilesByClass) -> None:
    """Prints a line where the folders are splits, for those who have just made them."""
    if found := find(files) or find_inside(files):
        print(f"{_listed(found)}: taken for splits; train with --split_method=folders.", flush=True)
