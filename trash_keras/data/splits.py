"""Class folders -> a catalog with the splits train, valid and test.

Stratified by class, and on request grouped, so that near-duplicates never lie in two splits.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from trash_keras.data import class_names, file_roles, split_folders
from trash_keras.data.catalog import (
    SPLITS,
    WHOLE,
    Catalog,
    FilesByClass,
    scan,
    shuffle_key,
    single_split,
)
from trash_keras.data.groups import Group
from trash_keras.data.trashnet import official_lists

# 13 and 17 percent are the shares of the TrashNet authors' own lists (328 and 431 of 2,527).
VALID_SHARE, TEST_SHARE = 0.13, 0.17

DRAWN = ("stratified", "grouped")  # the methods that draw a split by the seed

Quotas = Mapping[str, Mapping[str, int]]  # part -> class name -> images wanted


class Listing(Protocol):
    """The part of a reader that lists images without reading them."""

    def files_by_class(self) -> FilesByClass:
        """Returns class name -> sorted POSIX paths.

        Each begins with the name of its class; of several sources, with that of its source.
        """

    def predefined_splits(self) -> Mapping[str, FilesByClass] | None:
        """Returns the splits that come with the data (train, valid, test), or None."""


def split(
    data_dir: str | os.PathLike,
    method: str,
    seed: int = 0,
    split_dir: str | os.PathLike = "",
    listing: Listing | None = None,
    groups: Sequence[Group] = (),
) -> Catalog:
    """Catalogs a data set and divides it into train, valid and test.

    Args:
        data_dir: Folder of class folders, or of split folders for `folders`.
        method: stratified, grouped, official or folders.
        seed: Decides the stratified and the grouped split, and which images of train become the
            part that two split folders lack; nothing else does.
        split_dir: Folder of the official lists; empty for the parent of `data_dir` if it holds
            any, else those that come with this package.
        listing: The reader of `data_dir`; None for a folder of image files.
        groups: Images that the method `grouped` keeps in one split, see
            `stratified_group_split`.

    Returns:
        A catalog whose splits are disjoint and together hold every image.

    Raises:
        ValueError: The folder does not fit the method, has one class only, or a class has fewer
            images than there are splits.
    """
    files = listing.files_by_class() if listing else scan(data_dir)
    if method == "folders":
        catalog = by_folders(files, data_dir, seed)
        class_names.refuse_reserved(catalog.class_names)
        if len(catalog.class_names) < 2:
            require_classes(dict(catalog.splits["train"]))
    else:
        require_classes(files)
        if method in DRAWN:
            catalog = by_shares(single_split(files), seed, groups)
        elif method == "official":
            catalog = Catalog(tuple(files), official(files, data_dir, split_dir, listing))
        else:
            raise unknown_method(method)
    require_each_class_in_each_split(catalog)
    return catalog


def unknown_method(method: str) -> ValueError:
    """Returns the error for a split method that there is not."""
    return ValueError(
        f"split_method must be stratified, grouped, official or folders. Received: {method!r}"
    )


def official(
    files: FilesByClass,
    data_dir: str | os.PathLike,
    split_dir: str | os.PathLike,
    listing: Listing | None,
) -> dict[str, FilesByClass]:
    """Returns the split that comes with the data or their lists; arguments as for `split`.

    Raises:
        ValueError: There is none for these files.
    """
    found = listing.predefined_splits() if listing and not split_dir else None
    if split_dir:
        file_roles.require("split_dir", split_dir)
    folder = split_dir or official_lists.find_lists(data_dir)
    return dict(found or official_lists.predefined_splits(files, folder))


def require_classes(files: FilesByClass, remedy: str = split_folders.KEEP) -> None:
    """Checks that there are two classes or more with an image for each split.

    Args:
        files: Class name -> paths.
        remedy: What to do about split folders, for the message.

    Raises:
        ValueError: There are not, or the folders are no classes.
    """
    split_folders.require_class_folders(files, remedy)
    require_several(files, _inside(files))
    _require_an_image_for_each_split(files)


def require_several(names: Collection[str], hint: str = "") -> None:
    """Checks that there are two classes or more, by names that a model may have.

    Raises:
        ValueError: There are not; ends with the hint.
    """
    if len(names) < 2:
        raise ValueError(
            "At least two classes are needed to train a classifier. "
            f"Received one: {', '.join(names)}.{hint}"
        )
    class_names.refuse_reserved(names)


def _require_an_image_for_each_split(files: FilesByClass) -> None:
    for name, paths in files.items():
        if len(paths) < len(SPLITS):
            raise ValueError(
                f"Class {name} needs at least {len(SPLITS)} images, one for each of "
                f"{', '.join(SPLITS)}. Received: {len(paths)}."
            )


def _inside(files: FilesByClass) -> str:
    """Returns a hint where a single folder may be around the classes."""
    if len(files) != 1:
        return ""
    inner = sorted({path.split("/")[1] for path in files[next(iter(files))] if path.count("/") > 1})
    shown = f"{', '.join(inner[:5])}{' and more' if len(inner) > 5 else ''}"
    return f" It holds {shown}: if these are the classes, name it as --data_dir." if inner else ""


def by_shares(everything: Catalog, seed: int, groups: Sequence[Group] = ()) -> Catalog:
    """Draws a split of each class, of several sources within each; 70, 13 and 17%.

    Args:
        everything: The images, as the one split `WHOLE`.
        seed: Decides the split.
        groups: Paths that stay together, see `stratified_group_split`.

    Raises:
        ValueError: A class has fewer images than there are splits.
    """
    files = everything.strata(WHOLE)
    _require_an_image_for_each_split(files)
    quotas: dict[str, dict[str, int]] = {split: {} for split in ("valid", "test", "train")}
    for name, paths in files.items():
        valid = quotas["valid"][name] = quota(VALID_SHARE, len(paths))
        test = quotas["test"][name] = quota(TEST_SHARE, len(paths))
        quotas["train"][name] = len(paths) - valid - test
    parts = stratified_group_split(files, quotas, str(seed), groups)
    return everything.of_strata({split: parts[split] for split in SPLITS})


def quota(share: float, images: int) -> int:
    """Returns how many of a class's images a share of them is, at least one."""
    return max(1, round(share * images))


def stratified_group_split(
    files: FilesByClass, quotas: Quotas, seed: str, groups: Sequence[Group] = ()
) -> dict[str, FilesByClass]:
    """Divides images among parts; those of a group come into the same one.

    Groups, and each other image by itself, come in an order that is shuffled by a hash of seed
    and path: the same on every machine, with every NumPy, and little changed by a few more
    images. Each goes where it brings the numbers of images nearest to those wanted, and of
    equally good parts to the first. So images without groups fill one part after the other,
    exactly; a group of images of several classes goes where there is room for all of them.

    (scikit-learn's `StratifiedGroupKFold` only makes folds of equal size, no 70, 13 and 17%.)

    Args:
        files: Class name -> paths, each in one class.
        quotas: Images wanted; over the parts they add up to those that there are.
        seed: Decides the order, and with it everything.
        groups: Paths that belong together, no path in two groups; paths that are not in
            `files` are ignored.

    Returns:
        Part -> class name -> sorted paths, in the order of `quotas`. Parts can miss what was
        wanted when groups are large.
    """
    class_of = {path: name for name, paths in files.items() for path in paths}
    wanted = {part: Counter(counts) for part, counts in quotas.items()}
    chosen: dict[str, dict[str, list[str]]] = {
        part: {name: [] for name in files} for part in quotas
    }
    for unit in _units(class_of, seed, groups):
        counts = Counter(class_of[path] for path in unit)
        costs = {part: _cost(wanted[part], counts) for part in quotas}
        best = min(costs, key=costs.__getitem__)
        wanted[best].subtract(counts)
        for path in unit:
            chosen[best][class_of[path]].append(path)
    return {
        part: {name: tuple(sorted(paths)) for name, paths in classes.items()}
        for part, classes in chosen.items()
    }


def _units(class_of: Mapping[str, str], seed: str, groups: Iterable[Group]) -> list[Group]:
    together = [tuple(sorted(path for path in group if path in class_of)) for group in groups]
    grouped = {path for group in together for path in group}
    units = [group for group in together if group]
    units += [(path,) for path in class_of if path not in grouped]
    return sorted(units, key=lambda unit: shuffle_key(f"{seed}:{unit[0]}"))


def _cost(wanted: Counter[str], counts: Counter[str]) -> int:
    """Returns how much further from the numbers wanted a part would be with these images."""
    return sum(abs(wanted[name] - count) - abs(wanted[name]) for name, count in counts.items())


def by_folders(files: FilesByClass, data_dir: str | os.PathLike, seed: int) -> Catalog:
    """Catalogs split folders, and draws the one that may be missing from train.

    Args:
        files: Top folder -> paths.
        data_dir: What messages call the data.
        seed: Decides what is drawn.

    Raises:
        ValueError: As `split_folders.read`, or the splits have different classes.
    """
    splits = split_folders.read(files, data_dir)
    names = tuple(splits["train"])
    for split_name, chosen in splits.items():
        if different := set(chosen) ^ set(names):
            raise ValueError(
                f"The class folders of train and {split_name} differ: "
                f"{', '.join(sorted(different))}."
            )
    for missing, share in (("valid", VALID_SHARE), ("test", TEST_SHARE)):
        if missing not in splits:
            splits |= _part_of_train(splits["train"], missing, share, seed)
            print(
                f"There is no folder for {missing}: {share:.0%} of each class of train, chosen by "
                f"seed {seed}, are taken for it.",
                flush=True,
            )
    used = {path for chosen in splits.values() for paths in chosen.values() for path in paths}
    unused = [name for name, paths in files.items() if not used.issuperset(paths)]
    if unused:
        print(f"Folders that are in no split are not used: {', '.join(unused)}", flush=True)
    return Catalog(names, {split_name: splits[split_name] for split_name in SPLITS})


def _part_of_train(
    train: FilesByClass, missing: str, share: float, seed: int
) -> dict[str, FilesByClass]:
    """Divides the images of train into what stays there and a part that is missing."""
    wanted = {name: quota(share, len(paths)) for name, paths in train.items()}
    rest = {name: len(paths) - wanted[name] for name, paths in train.items()}
    return stratified_group_split(train, {missing: wanted, "train": rest}, str(seed))


def require_each_class_in_each_split(catalog: Catalog) -> None:
    """Raises ValueError when a split lacks a class, which large groups can cause."""
    for split_name, counts in catalog.counts().items():
        for name, count in counts.items():
            if not count:
                raise ValueError(
                    f"Class {name} has no image in split {split_name}; "
                    "each class needs at least one in each of train, valid and test, and as many "
                    "groups where near-duplicates are kept together."
                )
