"""Divides images among parts of wanted sizes, whether two parts or ten."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from trash_keras.data.catalog import SPLITS, Catalog, FilesByClass, shuffle_key
from trash_keras.data.groups import Group
from trash_keras.data.splits import VALID_SHARE, require_each_class_in_each_split, share

Quotas = Mapping[str, Mapping[str, int]]  # part -> class name -> images wanted


def stratified_group_split(
    members: FilesByClass, quotas: Quotas, seed: str, groups: Sequence[Group] = ()
) -> dict[str, FilesByClass]:
    """Divides images among parts; those of a group come into the same one.

    Groups, and each other image by itself, come in an order that is shuffled by a hash of seed
    and path: the same on every machine, with every NumPy, and little changed by a few more
    images. Each goes where it brings the numbers of images nearest to those wanted, and of
    equally good parts to the first. So images without groups fill one part after the other,
    exactly; a group of images of several classes goes where there is room for all of them.

    (scikit-learn's `StratifiedGroupKFold` makes folds of equal size alone, no 70, 13 and 17%.)

    Args:
        members: Class name -> paths, each in one class.
        quotas: Images wanted; over the parts they add up to those that there are.
        seed: Decides the order, and with it everything.
        groups: Paths that belong together, no path in two groups; paths that are not in
            `members` are passed over.

    Returns:
        Part -> class name -> sorted paths, in the order of `quotas`. Parts can miss what was
        wanted when groups are large.
    """
    class_of = {path: name for name, paths in members.items() for path in paths}
    wanted = {part: Counter(counts) for part, counts in quotas.items()}
    chosen: dict[str, dict[str, list[str]]] = {
        part: {name: [] for name in members} for part in quotas
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


def make_folds(
    members: FilesByClass, count: int, seed: int, groups: Sequence[Group] = ()
) -> list[Catalog]:
    """Divides images into folds, stratified by class.

    Args:
        members: Class name -> paths.
        count: Number of folds, 2 or more.
        seed: Decides the folds, and nothing else does.
        groups: Paths that stay together, see `dealing.deal`.

    Returns:
        A catalog for each fold: its images are the split `test`; of the others, as many as are
        13% of all are `valid` and the rest is `train`. So nothing that validation chooses is
        chosen on the fold that is scored.

    Raises:
        ValueError: A class has too few images, or groups, for a fold.
    """
    for name, paths in members.items():
        if len(paths) < count:
            raise ValueError(
                f"Class {name} needs at least one image for each of the {count} folds. "
                f"Received: {len(paths)}."
            )
    parts = stratified_group_split(members, _quotas(members, count), str(seed), groups)
    catalogs = []
    for fold, test in parts.items():
        rest = {name: _less(paths, test[name]) for name, paths in members.items()}
        valid = {name: share(VALID_SHARE, len(paths)) for name, paths in members.items()}
        train = {name: len(paths) - valid[name] for name, paths in rest.items()}
        # Its own order: else one and the same validation part would serve all folds but the first.
        learned = stratified_group_split(
            rest, {"valid": valid, "train": train}, f"{seed}:{fold}", groups
        )
        splits = {**learned, "test": test}
        catalog = Catalog(tuple(members), {split: splits[split] for split in SPLITS})
        require_each_class_in_each_split(catalog)
        catalogs.append(catalog)
    return catalogs


def _quotas(members: FilesByClass, count: int) -> dict[str, dict[str, int]]:
    """Returns folds that differ by one image at most, in each class and over all."""
    quotas: dict[str, dict[str, int]] = {f"fold{fold}": {} for fold in range(count)}
    first = 0  # the fold that gets the next image too many
    for name, paths in members.items():
        each, over = divmod(len(paths), count)
        for fold, wanted in enumerate(quotas.values()):
            wanted[name] = each + ((fold - first) % count < over)
        first += over
    return quotas


def _less(paths: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    gone = set(taken)
    return tuple(path for path in paths if path not in gone)
