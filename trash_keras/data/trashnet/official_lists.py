"""TrashNet's predefined split: the lists of its authors, which come with the package."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from trash_keras.data.catalog import SPLITS, FilesByClass
from trash_keras.storage import text_files

LISTS_DIR = Path(__file__).parent
# The number of each class in the authors' lists, which is not the alphabetical order.
CLASS_NUMBERS = {"1": "glass", "2": "paper", "3": "cardboard", "4": "plastic", "5": "metal",
                 "6": "trash"}  # fmt: skip
LIST_NAMES = {
    split: f"one-indexed-files-notrash_{name}.txt"
    for split, name in zip(SPLITS, ("train", "val", "test"), strict=True)
}


def find_lists(data_dir: str | os.PathLike) -> Path:
    """Returns the folder of the lists: the parent of `data_dir` if it has any, else our own."""
    parent = Path(data_dir).resolve().parent
    return parent if any((parent / name).exists() for name in LIST_NAMES.values()) else LISTS_DIR


def predefined_splits(files: FilesByClass, split_dir: str | os.PathLike) -> dict[str, FilesByClass]:
    """Divides TrashNet as its authors did.

    Args:
        files: Every image of TrashNet, as `catalog.scan` lists them.
        split_dir: Folder of the official lists.

    Returns:
        Split name -> class name -> sorted paths.

    Raises:
        ValueError: A list is missing or damaged, or the lists and the images differ.
    """
    where = {PurePosixPath(path).name: (name, path) for name in files for path in files[name]}
    splits: dict[str, FilesByClass] = {}
    for split_name, list_name in LIST_NAMES.items():
        chosen: dict[str, list[str]] = {name: [] for name in files}
        for file_name, class_name in _read_list(Path(split_dir) / list_name):
            if file_name not in where:
                raise ValueError(
                    f"{list_name} names {file_name}, which is not in the data folder or is "
                    "in two lists. --split_method=official needs all of TrashNet."
                )
            name, path = where.pop(file_name)
            if name != class_name:
                raise ValueError(
                    f"{list_name} calls {file_name} {class_name}, but it lies in folder {name}."
                )
            chosen[name].append(path)
        splits[split_name] = {name: tuple(sorted(paths)) for name, paths in chosen.items()}
    if where:
        raise ValueError(
            f"{len(where)} images are in none of the official lists, {min(where)} for one. "
            "Use --split_method=stratified for other data than TrashNet."
        )
    return splits


def _read_list(path: Path) -> Iterable[tuple[str, str]]:
    if not path.is_file():
        raise ValueError(
            f"There is no official list {path}. Name a folder that has all three with "
            "--split_dir; without it, those of TrashNet's authors come with the package."
        )
    for number, line in enumerate(text_files.read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            file_name, class_number = line.split()
            yield file_name, CLASS_NUMBERS[class_number]
        except (ValueError, KeyError):
            raise ValueError(
                f"{path}, line {number}: expected 'FILE NUMBER' with a number from 1 to 6. "
                f"Received: {line!r}"
            ) from None
