"""Class folders -> catalog with the splits train, valid and test."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from trash_keras.data.catalog import SPLITS, Catalog, FilesByClass, scan
from trash_keras.data.folds import stratified_group_split
from trash_keras.data.groups import Group

# 13 and 17 percent are the shares of the TrashNet authors' own lists (328 and 431 of 2,527).
VALID_SHARE, TEST_SHARE = 0.13, 0.17
# The number of each class in the authors' lists, which is not the alphabetical order.
OFFICIAL_NUMBERS = {"1": "glass", "2": "paper", "3": "cardboard", "4": "plastic", "5": "metal",
                    "6": "trash"}  # fmt: skip
OFFICIAL_LISTS = {
    split: f"one-indexed-files-notrash_{name}.txt"
    for split, name in zip(SPLITS, ("train", "val", "test"), strict=True)
}
# Other spellings of the split folders that are met in the wild.
FOLDER_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation"),
    "test": ("test", "testing"),
}


class Listing(Protocol):
    """What a store says of its images without giving them."""

    def files_by_class(self) -> FilesByClass:
        """Returns class name -> paths; split folder -> paths for the method `folders`."""

    def predefined_splits(self) -> Mapping[str, FilesByClass] | None:
        """Returns the splits that come with the data, or None."""


def split(
    data_dir: str | os.PathLike,
    method: str,
    seed: int = 0,
    split_dir: str | os.PathLike = "",
    listing: Listing | None = None,
    groups: Sequence[Group] = (),
) -> Catalog:
    """Catalogs a folder or store and divides it into train, valid and test.

    Args:
        data_dir: Folder of class folders, or of split folders for `folders`.
        method: stratified, grouped, official or folders.
        seed: Decides the stratified and the grouped split, and nothing else does.
        split_dir: Where the official lists lie; empty for the parent of `data_dir` if it holds
            any, else those that come with this package.
        listing: The store that `data_dir` names; None for a folder of image files.
        groups: Images that the method `grouped` keeps in one split, see `dealing.deal`.

    Returns:
        A catalog whose splits are disjoint and together hold every image.

    Raises:
        ValueError: The folder does not fit the method, has one class only, or a class has fewer
            images than there are splits.
    """
    members = listing.files_by_class() if listing else scan(data_dir)
    if method == "folders":
        catalog = _by_folders(members, data_dir)
    else:
        require_classes(members)
        if method == "stratified":
            splits = _by_shares(members, seed)
        elif method == "grouped":
            splits = _by_shares(members, seed, groups)
        elif method == "official":
            brought = listing.predefined_splits() if listing and not split_dir else None
            splits = dict(
                brought or predefined_splits(members, split_dir or _official_folder(data_dir))
            )
        else:
            raise ValueError(
                "split_method must be stratified, grouped, official or folders. "
                f"Received: {method!r}"
            )
        catalog = Catalog(tuple(members), splits)
    require_each_class_in_each_split(catalog)
    return catalog


def require_classes(members: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ValueError unless there are two classes or more with an image for each split."""
    if {"train", "test"} <= set(members):
        raise ValueError(
            "The data folder holds train and test instead of classes. "
            "Use --split_method=folders to keep that split, or name one of them as --data_dir."
        )
    if len(members) < 2:
        raise ValueError(
            "At least two classes are needed to train a classifier. "
            f"Received one: {', '.join(members)}."
        )
    for name, paths in members.items():
        if len(paths) < len(SPLITS):
            raise ValueError(
                f"Class {name} needs at least {len(SPLITS)} images, one for each of "
                f"{', '.join(SPLITS)}. Received: {len(paths)}."
            )


def _by_shares(
    members: FilesByClass, seed: int, groups: Sequence[Group] = ()
) -> dict[str, FilesByClass]:
    quotas: dict[str, dict[str, int]] = {split: {} for split in ("valid", "test", "train")}
    for name, paths in members.items():
        valid = quotas["valid"][name] = share(VALID_SHARE, len(paths))
        test = quotas["test"][name] = share(TEST_SHARE, len(paths))
        quotas["train"][name] = len(paths) - valid - test
    parts = stratified_group_split(members, quotas, str(seed), groups)
    return {split: parts[split] for split in SPLITS}


def share(of_all: float, images: int) -> int:
    """Returns a share of so many images of a class, at least one."""
    return max(1, round(of_all * images))


def _official_folder(data_dir: str | os.PathLike) -> Path:
    parent = Path(data_dir).resolve().parent
    if any((parent / name).exists() for name in OFFICIAL_LISTS.values()):
        return parent
    return Path(__file__).parent / "trashnet"


def predefined_splits(
    members: FilesByClass, split_dir: str | os.PathLike
) -> dict[str, FilesByClass]:
    """Divides TrashNet as its authors did.

    Args:
        members: Every image of TrashNet, as `catalog.scan` lists them.
        split_dir: Where the official lists lie.

    Returns:
        Split name -> class name -> sorted paths.

    Raises:
        ValueError: A list is missing or damaged, or the lists and the images differ.
    """
    where = {PurePosixPath(path).name: (name, path) for name in members for path in members[name]}
    splits: dict[str, FilesByClass] = {}
    for split_name, list_name in OFFICIAL_LISTS.items():
        chosen: dict[str, list[str]] = {name: [] for name in members}
        for file_name, class_name in _read_list(Path(split_dir) / list_name):
            if file_name not in where:
                raise ValueError(
                    f"{list_name} names {file_name}, which is not in the data folder or stands "
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
            f"{len(where)} images stand in none of the official lists, {min(where)} for one. "
            "Use --split_method=stratified for other data than TrashNet."
        )
    return splits


def _read_list(path: Path) -> Iterable[tuple[str, str]]:
    if not path.is_file():
        raise ValueError(
            f"There is no official list {path}. Name a folder that has all three with "
            "--split_dir; without it, those of TrashNet's authors come with the package."
        )
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            file_name, class_number = line.split()
            yield file_name, OFFICIAL_NUMBERS[class_number]
        except (ValueError, KeyError):
            raise ValueError(
                f"{path}, line {number}: expected 'FILE NUMBER' with a number from 1 to 6. "
                f"Received: {line!r}"
            ) from None


def _by_folders(everything: FilesByClass, data_dir: str | os.PathLike) -> Catalog:
    splits: dict[str, FilesByClass] = {}
    for split_name, spellings in FOLDER_NAMES.items():
        found = [name for name in spellings if name in everything]
        if len(found) != 1:
            raise ValueError(
                f"--split_method=folders needs one folder {' or '.join(spellings)} in {data_dir}. "
                f"Found: {', '.join(found) or 'none'}."
            )
        members: dict[str, list[str]] = {}
        for path in everything[found[0]]:
            _, class_name, *file = PurePosixPath(path).parts
            if not file:
                raise ValueError(f"{path} in {data_dir} lies in no class folder.")
            members.setdefault(class_name, []).append(path)
        splits[split_name] = {name: tuple(members[name]) for name in sorted(members)}
    class_names = tuple(splits["train"])
    if len(class_names) < 2:
        require_classes(splits["train"])
    for split_name, chosen in splits.items():
        if different := set(chosen) ^ set(class_names):
            raise ValueError(
                f"The class folders of train and {split_name} differ: "
                f"{', '.join(sorted(different))}."
            )
    return Catalog(class_names, splits)


def require_each_class_in_each_split(catalog: Catalog) -> None:
    """Raises ValueError when a split lacks a class, as large groups can bring about."""
    for split_name, counts in catalog.counts().items():
        for name, count in counts.items():
            if not count:
                raise ValueError(
                    f"Class {name} has no image in split {split_name}; "
                    "each class needs at least one in each of train, valid and test, and as many "
                    "groups where near-duplicates are kept together."
                )
