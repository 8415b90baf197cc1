"""Class folders -> the folds of a cross-validation, a catalog each."""

from collections.abc import Sequence

from trash_keras.data.catalog import SPLITS, Catalog, FilesByClass
from trash_keras.data.groups import Group
from trash_keras.data.splits import (
    VALID_SHARE,
    quota,
    require_each_class_in_each_split,
    stratified_group_split,
)


def make_folds(
    files: FilesByClass, count: int, seed: int, groups: Sequence[Group] = ()
) -> list[Catalog]:
    """Divides images into folds, stratified by class.

    Args:
        files: Class name -> paths.
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
        train = {name: len(paths) - valid[name] for name, paths in rest.items()}
        # Its own order: else one and the same validation part would serve all folds but the first.
        learned = stratified_group_split(
            rest, {"valid": valid, "train": train}, f"{seed}:{fold}", groups
        )
        splits = {**learned, "test": test}
        catalog = Catalog(tuple(files), {split: splits[split] for split in SPLITS})
        require_each_class_in_each_split(catalog)
        catalogs.append(catalog)
    return catalogs


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
