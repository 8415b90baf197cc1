"""Cross-validation: every picture is in the test part of just one fold."""

from collections.abc import Sequence

from trash_keras.data.audit.groups import Group
from trash_keras.data.catalog import SPLITS, Catalog, Members
from trash_keras.data.dealing import deal
from trash_keras.data.splits import VALID_SHARE, require_each_class_in_each_split, share


def make_folds(
    members: Members, count: int, seed: int, groups: Sequence[Group] = ()
) -> list[Catalog]:
    """Divides pictures into folds, stratified by class.

    Args:
        members: Class name -> paths.
        count: Number of folds, 2 or more.
        seed: Decides the folds, and nothing else does.
        groups: Paths that stay together, see `dealing.deal`.

    Returns:
        A catalog for each fold: its pictures are the split `test`; of the others, as many as are
        13% of all are `valid` and the rest is `train`. So nothing that validation chooses is
        chosen on the fold that is scored.

    Raises:
        ValueError: A class has too few pictures, or groups, for a fold.
    """
    for name, paths in members.items():
        if len(paths) < count:
            raise ValueError(
                f"Class {name} needs at least one picture for each of the {count} folds. "
                f"Received: {len(paths)}."
            )
    parts = deal(members, _quotas(members, count), str(seed), groups)
    catalogs = []
    for fold, test in parts.items():
        rest = {name: _less(paths, test[name]) for name, paths in members.items()}
        valid = {name: share(VALID_SHARE, len(paths)) for name, paths in members.items()}
        train = {name: len(paths) - valid[name] for name, paths in rest.items()}
        # Its own order: else one and the same validation part would serve all folds but the first.
        learned = deal(rest, {"valid": valid, "train": train}, f"{seed}:{fold}", groups)
        splits = {**learned, "test": test}
        catalog = Catalog(tuple(members), {split: splits[split] for split in SPLITS})
        require_each_class_in_each_split(catalog)
        catalogs.append(catalog)
    return catalogs


def _quotas(members: Members, count: int) -> dict[str, dict[str, int]]:
    """Returns folds that differ by one picture at most, in each class and over all."""
    quotas: dict[str, dict[str, int]] = {f"fold{fold}": {} for fold in range(count)}
    first = 0  # the fold that gets the next picture too many
    for name, paths in members.items():
        each, over = divmod(len(paths), count)
        for fold, wanted in enumerate(quotas.values()):
            wanted[name] = each + ((fold - first) % count < over)
        first += over
    return quotas


def _less(paths: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    gone = set(taken)
    return tuple(path for path in paths if path not in gone)
