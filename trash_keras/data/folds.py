"""Class folders -> the folds of a cross-validation, a catalog each."""

from collections.abc import Mapping, Sequence, Set

from trash_keras.data.catalog import SPLITS, WHOLE, Catalog, FilesByClass
from trash_keras.data.groups import Group
from trash_keras.data.splits import (
    VALID_SHARE,
    quota,
    require_each_class_in_each_split,
    stratified_group_split,
)


def make_folds(
    everything: Catalog, count: int, seed: int, groups: Sequence[Group] = ()
) -> list[Catalog]:
    """Divides images into folds, stratified by class, and by source where there are several.

    Args:
        everything: The images, as the one split `WHOLE`.
        count: Number of folds, 2 or more.
        seed: Decides the folds, and nothing else does.
        groups: Paths that stay together, see `splits.stratified_group_split`.

    Returns:
        A catalog for each fold: its images are the split `test`; of the others, as many as are
        13% of all are `valid` and the rest is `train`. So nothing that validation chooses is
        chosen on the fold that is scored.

    Raises:
        ValueError: A class has too few images, or groups, for a fold.
    """
    files = everything.strata(WHOLE)
    for name, paths in files.items():
        if len(paths) < count:
            raise ValueError(
                f"Class {name} needs at least one image for each of the {count} folds. "
                f"Received: {len(paths)}."
            )
    parts = stratified_group_split(files, _quotas(files, count), str(seed), groups)
    catalogs = []
    for fold, test in parts.items():
        rest = {name: _without(paths, test[name]) for name, paths in files.items()}
        valid = {name: quota(VALID_SHARE, len(paths)) for name, paths in files.items()}
        # Its own order: else one and the same validation part would serve all folds but the first.
        splits = {**_learned(rest, valid, f"{seed}:{fold}", groups), "test": test}
        catalog = everything.of_strata({split: splits[split] for split in SPLITS})
        require_each_class_in_each_split(catalog)
        catalogs.append(catalog)
    return catalogs


def _learned(
    rest: FilesByClass, valid: Mapping[str, int], seed: str, groups: Sequence[Group]
) -> dict[str, FilesByClass]:
    """Divides what a fold learns from into train and valid."""
    train = {name: len(paths) - valid[name] for name, paths in rest.items()}
    return stratified_group_split(rest, {"valid": valid, "train": train}, seed, groups)


def leave_one_source_out(
    everything: Catalog, seed: int, groups: Sequence[Group] = ()
) -> list[Catalog]:
    """Makes a fold of each source, as scikit-learn's `LeaveOneGroupOut` does.

    Args:
        everything: The images of several sources, as the one split `WHOLE`.
        seed: Decides which images are `valid`, and nothing else.
        groups: Paths that stay together: images that belong to one of the scored source are left
            out of the fold.

    Returns:
        A catalog for each source: its images are `test`; 13% of each class of each other source
        are `valid` and the rest is `train`. Images of classes that no other source has are in no
        split, since no model could know them.

    Raises:
        ValueError: There is one source, or the other sources have fewer than two classes, none of
            these, or too few images for validation.
    """
    if len(everything.sources) < 2:
        raise ValueError(
            "Leaving one source out needs several: --data_dir=FOLDER,FOLDER. Received one."
        )
    strata = everything.strata(WHOLE)
    catalogs = []
    for source in everything.sources:
        own = {name: paths for name, paths in strata.items() if _source(name) == source}
        twins = _belonging(groups, {path for paths in own.values() for path in paths})
        others = {name: _without(paths, twins) for name, paths in strata.items() if name not in own}
        rest = {name: paths for name, paths in others.items() if paths}
        known = {_class(name) for name in rest}
        test = {name: paths for name, paths in own.items() if _class(name) in known}
        if len(known) < 2 or not test:
            raise ValueError(
                f"Without {source} there are images of {', '.join(sorted(known)) or 'no class'}, "
                f"and {source} has {', '.join(map(_class, own))}. Leaving it out needs two classes "
                "in the other sources, and one of them in it."
            )
        valid = {name: min(len(paths) - 1, quota(VALID_SHARE, len(paths)))
                 for name, paths in rest.items()}  # fmt: skip
        splits = {**_learned(rest, valid, f"{seed}:{source}", groups), "test": test}
        if not any(splits["valid"].values()):
            raise ValueError(
                f"Without {source} there are too few images to take some for validation: each "
                f"class of each source has one. Received: {len(rest)}."
            )
        catalogs.append(everything.of_strata({split: splits[split] for split in SPLITS}))
    return catalogs


def _source(stratum: str) -> str:
    return stratum.partition("/")[0]


def _class(stratum: str) -> str:
    return stratum.partition("/")[2]


def _belonging(groups: Sequence[Group], paths: Set[str]) -> tuple[str, ...]:
    """Returns all images of the groups that hold one of some images."""
    return tuple(path for group in groups if paths & set(group) for path in group)


def _quotas(files: FilesByClass, count: int) -> dict[str, dict[str, int]]:
    """Returns folds that differ by one image at most, in each class and over all."""
    quotas: dict[str, dict[str, int]] = {f"fold{fold}": {} for fold in range(count)}
    first = 0  # the fold that gets the next image too many
    for name, paths in files.items():
        each, over = divmod(len(paths), count)
        for fold, wanted in enumerate(quotas.values()):
            wanted[name] = each + ((fold - first) % count < over)
        first += over
    return quotas


def _without(paths: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    gone = set(taken)
    return tuple(path for path in paths if path not in gone)
